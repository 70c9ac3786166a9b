"""What the records themselves show beside their evidence: clocks that were set, ends that lack."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, Optional

from . import form
from .clock import DAY
from .finding import Finding, Severity
from .form import ENDED, ENTITY, STARTED
from .opening import ENDED_MEMBER, STARTED_MEMBER, read_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .opening import Opening, Openings

CLOCK_STEP: Final = 2.0  # seconds that drift and waiting for the lock explain
LONGEST_RUN: Final = 3 * DAY  # BackupPC gives up on a client before


class Events:
    """What the lines of a log show as they are taken, in their order."""

    def __init__(self) -> None:
        self._steps: list[Finding] = []
        self._last: Optional[Opening] = None
        # Number and wall of each start, by its member process.entity_id.
        self._running: dict[bytes, tuple[int, float]] = {}

    def findings(self) -> list[Finding]:
        """Return notes about all that was taken: steps of the clock, and starts without an end."""
        return [*self._steps, *self._unended()]

    def take(self, line: bytes) -> None:
        """Take LINE if it has the form of a record and says when it was written."""
        number, opening = form.number_of(line), read_one(line)
        if number is None or opening is None:
            return
        if self._last is not None and self._last.boot == opening.boot:
            step = opening.apart - self._last.apart
            if abs(step) > CLOCK_STEP:
                text = f"the clock was set by {step:+.0f} seconds before record {number}"
                self._steps.append(Finding(Severity.NOTE, "clock", text, records=(number, number)))
        self._last = opening
        member = b'%b%b"' % (ENTITY[1:], opening.entity) if opening.entity is not None else b""
        if member and opening.action == STARTED:
            self._running[member] = number, opening.wall
        elif member and opening.action == ENDED:
            self._running.pop(member, None)

    def take_stretch(self, lines: Sequence[bytes], first: int, read: Optional[Openings]) -> None:
        """Take LINES, proved to be the records from FIRST on; READ is how they open, if known."""
        if read is None or not self._is_steady(read):
            for line in lines:
                self.take(line)
            return
        running = self._running
        for number, action, entity, wall in zip(
            count(first), read.actions, read.entities, read.walls
        ):
            if action == STARTED_MEMBER:
                running[entity] = number, wall
            elif action == ENDED_MEMBER:
                running.pop(entity, None)
        self._last = read_one(lines[-1])

    def _is_steady(self, read: Openings) -> bool:
        """Tell whether no two records that READ opens can have a step of the clock between them."""
        least, most = min(read.apart), max(read.apart)
        if self._last is not None and self._last.boot == read.boot:
            least, most = min(least, self._last.apart), max(most, self._last.apart)
        return most - least <= CLOCK_STEP

    def _unended(self) -> Iterator[Finding]:
        """Yield the starts without an end that can't be running still."""
        last = self._last.wall if self._last else 0.0
        for number, wall in sorted(self._running.values()):
            if last - wall > LONGEST_RUN:
                text = f"record {number} starts a command that has no end: its guard was killed"
                yield Finding(Severity.NOTE, "unended", text, records=(number, number))
