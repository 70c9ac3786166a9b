"""Bytes between two records that are none, held against what the guard says that it found there."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ..record.own import Recovered
from ..record.recovery import PIECES, is_torn
from .finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Remark(NamedTuple):
    """What is to be said of junk, see finding.Finding; without an offset it is of a record."""

    severity: str
    kind: str
    text: str
    offset: Optional[int] = None
    records: Optional[tuple[int, int]] = None


class Junk:
    """Lines that are no record, which begin at `offset` of the segment; held in bounded memory."""

    def __init__(self) -> None:
        self.size = 0
        self.offset = 0
        self._digest = sha256()
        self._pieces: list[bytes] = []  # the first ones: enough to tell torn from foreign

    def add(self, line: bytes, offset: int) -> None:
        """Add LINE, which stands at OFFSET."""
        if not self.size:
            self.offset = offset
        self.size += len(line)
        self._digest.update(line)
        if len(self._pieces) <= PIECES:
            self._pieces.append(line.removesuffix(b"\n"))

    def settle(self, sequence: int, said: Optional[Mapping[str, Any]]) -> Iterator[Remark]:
        """Yield what is to be said of it before the record SEQUENCE, a log-recovered if SAID."""
        code, records = said.get("event.code") if said else None, (sequence, sequence)
        if code == Recovered.LOG_SHORTER:
            yield Remark(
                Severity.FINDING, "shorter",
                "the segment before lost bytes or vanished, as the guard found it", None, records,
            )
        if not self.size and code not in (Recovered.TORN_WRITE, Recovered.FOREIGN_BYTES):
            return
        if not said or not self._is_counted_in(said):
            kind = "unacknowledged" if self.size else "recovered-nothing"
            text = f"{self.size} bytes before record {sequence} are not what it acknowledges"
            offset = self.offset if self.size else None
            yield Remark(Severity.FINDING, kind, text, offset, records)
        elif code == Recovered.TORN_WRITE and is_torn(self._pieces, sequence):
            text = "a killed guard left a piece of a record, which was acknowledged"
            yield Remark(Severity.WARNING, "torn", text, self.offset)
        else:
            yield self._foreign(sequence)

    def end(self, sequence: int, last: bool) -> Iterator[Remark]:
        """Yield what is to be said of it at the end of a segment, where SEQUENCE is due.

        In the LAST segment a guard may be writing it.
        """
        if last and self.size and is_torn(self._pieces, sequence):
            text = ("the log ends in a piece of the next record: a guard is writing it, or was"
                    " killed")
            yield Remark(Severity.WARNING, "torn", text, self.offset)
        elif self.size:
            yield self._foreign(sequence)

    def _is_counted_in(self, said: Mapping[str, Any]) -> bool:
        """Tell whether a log-recovered SAID as many bytes, with the same hash."""
        told = said.get("bpc.recovered.bytes"), said.get("bpc.recovered.sha256")
        return told == (self.size, self._digest.hexdigest())

    def _foreign(self, sequence: int) -> Remark:
        text = f"{self.size} bytes stand in the log that no guard wrote"
        return Remark(Severity.FINDING, "foreign", text, self.offset, (sequence, sequence))
