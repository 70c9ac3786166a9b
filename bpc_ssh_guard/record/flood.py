"""How much of the log a key may have: so many refusals a minute, so many bytes a day.

Who holds a key can connect as often as he likes; he must neither fill the disk by it nor use up
the bytes that other keys need to be served.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

REFUSALS: Final = 30  # at once, and again so many per MINUTE_NS
MINUTE_NS: Final = 60 * 1_000_000_000
DAY_BYTES: Final = 256 << 20  # of log per day: after that no allowed command runs
KEY_DAY_BYTES: Final = 32 << 20  # of them for one key: a thousand backups write less
# Who writes across a multiple of it is charged for all of it: by chance as much as he wrote, and
# the notes are stored once in so many bytes, not for every record.
CHARGE: Final = 64 << 10


class Bucket:
    """The refusals of one key, and the `charged` bytes of its day.

    `level` in nanoseconds of refill at `filled` (CLOCK_BOOTTIME); `count` those left out between
    `start` and `end`, in nanoseconds since the epoch.
    """

    __slots__ = ("charged", "count", "end", "filled", "level", "start")

    def __init__(
        self,
        level: int = MINUTE_NS,
        filled: int = 0,
        count: int = 0,
        start: int = 0,
        end: int = 0,
        charged: int = 0,
    ) -> None:
        self.level = level
        self.filled = filled
        self.count = count
        self.start = start
        self.end = end
        self.charged = charged

    def values(self) -> tuple[int, int, int, int, int, int]:
        """Return what the constructor takes."""
        return self.level, self.filled, self.count, self.start, self.end, self.charged

    def is_spent(self) -> bool:
        """Tell whether the key has had its bytes of the day."""
        return self.charged >= KEY_DAY_BYTES

    def take(self, boottime: int, now: int) -> bool:
        """Take a token for a refusal at BOOTTIME, NOW by the wall clock; count it if there is none.

        There is none for a key that has had its bytes of the day, either. After a reboot BOOTTIME
        is smaller than before, and the bucket is full again.
        """
        elapsed = boottime - self.filled if boottime >= self.filled else MINUTE_NS
        self.level = min(MINUTE_NS, self.level + elapsed)
        self.filled = boottime
        token = MINUTE_NS // REFUSALS
        if self.level >= token and not self.is_spent():
            self.level -= token
            return True
        self.start = self.start if self.count else now
        self.end = now
        self.count += 1
        return False

    def is_idle(self, boottime: int) -> bool:
        """Tell whether a new bucket would be the same at BOOTTIME."""
        is_full = not 0 <= boottime - self.filled < MINUTE_NS
        return is_full and not self.count and not self.charged

    def is_due(self, now: int) -> bool:
        """Tell whether what was left out is due: a minute has gone, or the clock was set back."""
        return bool(self.count) and not 0 <= now - self.start < MINUTE_NS
