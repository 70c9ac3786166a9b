"""What the records themselves show beside their evidence: clocks that were set, ends that lack."""

from __future__ import annotations

import calendar
import functools
import time
from typing import TYPE_CHECKING, Final, Optional

from . import form
from .finding import Finding, Severity
from .segments import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .segments import Segment

CLOCK_STEP_NS: Final = 2_000_000_000  # what drift and waiting for the lock explain
LONGEST_RUN_NS: Final = 3 * 24 * 3600 * 1_000_000_000  # BackupPC gives up on a client before

_BOOTTIME: Final = b',"bpc.boottime_ns":'
_DIGITS: Final = 20  # of 2**64


def read_events(segments: Sequence[Segment]) -> list[Finding]:
    """Return notes about SEGMENTS: steps of the clock, and starts that have no end."""
    reader = _Events()
    for segment in segments:
        with segment.open() as file:
            for line in lines_of(file):
                reader.take(line)
    return [*reader.steps, *reader.unended()]


class _Events:
    def __init__(self) -> None:
        self.steps: list[Finding] = []
        self._clock: Optional[tuple[bytes, int, int]] = None  # boot, wall and boottime
        self._running: dict[bytes, tuple[int, int]] = {}  # sequence and wall of each start

    def take(self, line: bytes) -> None:
        """Take LINE if it has the form of a record and says when it was written."""
        number = form.number_of(line)
        if number is None:
            return
        wall = to_ns(form.member_after(line, b',"@timestamp":"'))
        boot, boottime = form.member_after(line, b',"host.boot.id":"'), _boottime(line)
        if wall is None or boot is None or boottime is None:
            return
        if self._clock is not None and self._clock[0] == boot:
            step = (wall - self._clock[1]) - (boottime - self._clock[2])
            if abs(step) > CLOCK_STEP_NS:
                text = f"the clock was set by {step / 1e9:+.0f} seconds before record {number}"
                self.steps.append(Finding(Severity.NOTE, "clock", text, records=(number, number)))
        self._clock = boot, wall, boottime
        action = form.member_after(line, b',"event.action":"')
        if action in (b"command-started", b"command-ended"):
            entity = form.member_after(line, b',"process.entity_id":"')
            if entity is not None and action == b"command-started":
                self._running[entity] = number, wall
            elif entity is not None:
                self._running.pop(entity, None)

    def unended(self) -> Iterator[Finding]:
        """Yield the starts without an end that can't be running still."""
        last = self._clock[1] if self._clock else 0
        for number, wall in self._running.values():
            if last - wall > LONGEST_RUN_NS:
                text = f"record {number} starts a command that has no end: its guard was killed"
                yield Finding(Severity.NOTE, "unended", text, records=(number, number))


def _boottime(line: bytes) -> Optional[int]:
    begin = line.find(_BOOTTIME)
    if begin < 0:
        return None
    begin += len(_BOOTTIME)
    digits = line[begin : line.find(b",", begin)]
    return int(digits) if digits.isdigit() and len(digits) <= _DIGITS else None


def to_ns(stamp: Optional[bytes]) -> Optional[int]:
    """Return the nanoseconds since the epoch of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    if stamp is None or len(stamp) != 27:
        return None
    minute, second, micro = _minute(stamp[:16]), stamp[17:19], stamp[20:26]
    if minute is None or not (second + micro).isdigit():
        return None
    return (minute + int(second)) * 1_000_000_000 + int(micro) * 1000


@functools.lru_cache(maxsize=64)  # nearly every record is of the minute of the one before
def _minute(stamp: bytes) -> Optional[int]:
    try:
        return calendar.timegm(time.strptime(stamp.decode("ascii"), "%Y-%m-%dT%H:%M"))
    except ValueError:
        return None
