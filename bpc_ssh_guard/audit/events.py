"""What the records themselves show beside their evidence: clocks that were set, ends that lack."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, Optional

from . import form
from .clock import to_ns
from .finding import Finding, Severity
from .opening import ENTITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .opening import Openings

CLOCK_STEP_NS: Final = 2_000_000_000  # what drift and waiting for the lock explain
LONGEST_RUN_NS: Final = 3 * 24 * 3600 * 1_000_000_000  # BackupPC gives up on a client before

_STARTED: Final = b"command-started"
_ENDED: Final = b"command-ended"
_STARTED_MEMBER: Final = b'"event.action":"%b"' % _STARTED
_ENDED_MEMBER: Final = b'"event.action":"%b"' % _ENDED
_OF_RUNS: Final = (_STARTED_MEMBER, _ENDED_MEMBER)
_BOOTTIME: Final = b',"bpc.boottime_ns":'
_DIGITS: Final = 20  # of 2**64


class Events:
    """What the lines of a log show as they are taken, in their order."""

    def __init__(self) -> None:
        self._steps: list[Finding] = []
        self._clock: Optional[tuple[bytes, int, int]] = None  # boot, wall and boottime
        # Sequence and wall of each start, by its member process.entity_id.
        self._running: dict[bytes, tuple[int, int]] = {}

    def findings(self) -> list[Finding]:
        """Return notes about all that was taken: steps of the clock, and starts without an end."""
        return [*self._steps, *self._unended()]

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
                self._steps.append(Finding(Severity.NOTE, "clock", text, records=(number, number)))
        self._clock = boot, wall, boottime
        action = form.member_after(line, b',"event.action":"')
        if action in (_STARTED, _ENDED):
            entity = form.member_after(line, b',"process.entity_id":"')
            member = None if entity is None else b'%b%b"' % (ENTITY, entity)
            if member is not None and action == _STARTED:
                self._running[member] = number, wall
            elif member is not None:
                self._running.pop(member, None)

    def take_stretch(self, lines: Sequence[bytes], first: int, read: Optional[Openings]) -> None:
        """Take LINES, proved to be the records from FIRST on; READ is how they open, if known."""
        if read is None or not self._is_steady(read) or not self._take_runs(read, first):
            for line in lines:
                self.take(line)
            return
        self._clock = read.boot, read.walls[-1], read.boottimes[-1]

    def _is_steady(self, read: Openings) -> bool:
        """Tell whether no two records that READ opens can have a step of the clock between them."""
        apart = [wall - boottime for wall, boottime in zip(read.walls, read.boottimes)]
        if self._clock is not None and self._clock[0] == read.boot:
            apart.append(self._clock[1] - self._clock[2])
        return max(apart) - min(apart) <= CLOCK_STEP_NS

    def _take_runs(self, read: Openings, first: int) -> bool:
        """Take the starts and ends among what READ opens; False where one is laid out otherwise.

        Some may be taken once more then: of each run the last one counts.
        """
        running, begin = self._running, len(ENTITY)
        for number, action, entity, wall in zip(
            count(first), read.actions, read.entities, read.walls
        ):
            if action not in _OF_RUNS:
                continue
            if not entity.startswith(ENTITY) or entity.find(b'"', begin) != len(entity) - 1:
                return False
            if action == _STARTED_MEMBER:
                running[entity] = number, wall
            else:
                running.pop(entity, None)
        return True

    def _unended(self) -> Iterator[Finding]:
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
