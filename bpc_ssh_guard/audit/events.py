"""What the records themselves show beside their evidence: clocks that were set, ends that lack."""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Any, Final, Optional

from .finding import Finding, Severity
from .records import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .segments import Segment

CLOCK_STEP_NS: Final = 2_000_000_000  # what drift and waiting for the lock explain
LONGEST_RUN_NS: Final = 3 * 24 * 3600 * 1_000_000_000  # BackupPC gives up on a client before


def read_events(segments: Sequence[Segment]) -> list[Finding]:
    """Return notes about SEGMENTS: steps of the clock, and starts that have no end."""
    reader = _Events()
    for record in Reader(segments):
        reader.take(record)
    return [*reader.steps, *reader.unended()]


class _Events:
    def __init__(self) -> None:
        self.steps: list[Finding] = []
        self._clock: Optional[tuple[str, int, int]] = None  # boot, wall and boottime
        self._running: dict[str, tuple[int, int]] = {}  # sequence and wall of each start

    def take(self, record: dict[str, Any]) -> None:
        number = record["event.sequence"]
        wall, boottime = to_ns(record.get("@timestamp")), record.get("bpc.boottime_ns")
        boot = record.get("host.boot.id")
        if wall is None or not isinstance(boottime, int) or not isinstance(boot, str):
            return
        if self._clock is not None and self._clock[0] == boot:
            step = (wall - self._clock[1]) - (boottime - self._clock[2])
            if abs(step) > CLOCK_STEP_NS:
                text = f"the clock was set by {step / 1e9:+.0f} seconds before record {number}"
                self.steps.append(Finding(Severity.NOTE, "clock", text, records=(number, number)))
        self._clock = boot, wall, boottime
        self._follow(record, number, wall)

    def _follow(self, record: dict[str, Any], number: int, wall: int) -> None:
        entity = record.get("process.entity_id")
        if not isinstance(entity, str):
            return
        if record.get("event.action") == "command-started":
            self._running[entity] = number, wall
        elif record.get("event.action") == "command-ended":
            self._running.pop(entity, None)

    def unended(self) -> Iterator[Finding]:
        """Yield the starts without an end that can't be running still."""
        last = self._clock[1] if self._clock else 0
        for number, wall in self._running.values():
            if last - wall > LONGEST_RUN_NS:
                text = f"record {number} starts a command that has no end: its guard was killed"
                yield Finding(Severity.NOTE, "unended", text, records=(number, number))


def to_ns(stamp: object) -> Optional[int]:
    """Return the nanoseconds since the epoch of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    if not isinstance(stamp, str) or len(stamp) != 27:
        return None
    try:
        seconds = calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
        return seconds * 1_000_000_000 + int(stamp[20:26]) * 1000
    except ValueError:
        return None
