"""How many refusals a key may have in the log: a bucket of tokens, and a count of the rest.

Who holds a key can be refused as often as he connects; he must not fill the disk by it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

REFUSALS: Final = 30  # at once, and again so many per MINUTE_NS
MINUTE_NS: Final = 60 * 1_000_000_000
DAY_BYTES: Final = 256 << 20  # of log per day: after that no allowed command runs


class Bucket:
    """The refusals of one key.

    `level` in nanoseconds of refill at `filled` (CLOCK_BOOTTIME); `count` those left out between
    `start` and `end`, in nanoseconds since the epoch.
    """

    __slots__ = ("count", "end", "filled", "level", "start")

    def __init__(
        self, level: int = MINUTE_NS, filled: int = 0, count: int = 0, start: int = 0, end: int = 0
    ) -> None:
        self.level = level
        self.filled = filled
        self.count = count
        self.start = start
        self.end = end

    def values(self) -> tuple[int, int, int, int, int]:
        """Return what the constructor takes."""
        return self.level, self.filled, self.count, self.start, self.end

    def take(self, boottime: int, now: int) -> bool:
        """Take a token for a refusal at BOOTTIME, NOW by the wall clock; count it if there is none.

        After a reboot BOOTTIME is smaller than before, and the bucket is full again.
        """
        elapsed = boottime - self.filled if boottime >= self.filled else MINUTE_NS
        self.level = min(MINUTE_NS, self.level + elapsed)
        self.filled = boottime
        token = MINUTE_NS // REFUSALS
        if self.level >= token:
            self.level -= token
            return True
        self.start = self.start if self.count else now
        self.end = now
        self.count += 1
        return False

    def is_idle(self, boottime: int) -> bool:
        """Tell whether a new bucket would be the same at BOOTTIME."""
        return not self.count and not 0 <= boottime - self.filled < MINUTE_NS

    def is_due(self, now: int) -> bool:
        """Tell whether what was left out is due: a minute has gone, or the clock was set back."""
        return bool(self.count) and not 0 <= now - self.start < MINUTE_NS
