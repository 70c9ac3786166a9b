"""The proof of one log: its chain, the MACs with K_0, what witnesses saw, and where it is damaged.

One pass in bounded memory. What is found has its place; after a damage the reading goes on, so that
one edit is one finding and not a thousand. Evidence stands at fixed bytes: no JSON is parsed.
"""

from __future__ import annotations

from binascii import hexlify
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final, Optional

from ..record import seal
from . import form, opening, stretch
from .awaited import Awaited
from .finding import Finding, Severity
from .form import EVIDENCE, RECOVERED, TAIL, mac_for
from .junk import Junk
from .segments import blocks_of, lines_of
from .verdict import Start, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .events import Events
    from .segments import Segment
    from .witness import Witness

# A line that is no record may claim any number: beyond this it is not believed to be a gap.
GAP_LIMIT: Final = 1_000_000
# Findings after which every record is proved all the same.
ACKNOWLEDGED: Final = frozenset({"foreign"})
REPORTED: Final = 200  # findings told in full; a log of another chain would have one per line


def verify(
    segments: Sequence[Segment],
    chain: bytes,
    start: Start,
    witnesses: Iterable[Witness] = (),
    events: Optional[Events] = None,
) -> Verdict:
    """Return what SEGMENTS of CHAIN prove from START on; raises OSError.

    EVENTS takes every line that is read.
    """
    reader = _Reader(chain, start, witnesses, events)
    for segment in segments:
        reader.read(segment)
    return reader.end()


class _Reader:
    """One pass over the segments."""

    def __init__(
        self, chain: bytes, start: Start, witnesses: Iterable[Witness], events: Optional[Events]
    ) -> None:
        self.events = events
        self.verdict = Verdict(chain, start.sequence, start.head, start.key, start.sequence)
        self.verdict.with_key = start.key is not None
        self.sequence, self.head, self.key = start.sequence, start.head, start.key
        self.damaged: Optional[int] = None  # the first number that a finding is about
        self.junk = Junk()
        self.first: Optional[bytes] = None  # the first and the last record
        self.last: Optional[bytes] = None
        self.segment: Optional[Segment] = None
        self.offset = 0
        self.skipping = False  # records that were verified before
        self.may_skip = GAP_LIMIT
        self.forged: Optional[list[int]] = None  # first and last of a run of wrong MACs
        self.awaited = Awaited(chain, witnesses)
        self._meet_witnesses()

    def read(self, segment: Segment) -> None:
        """Read SEGMENT, all of whose records must follow on what came before."""
        if self.segment is not None:
            self._end_segment(last=False)
        self.skipping = self.segment is None and segment.first < self.sequence
        self.segment, self.offset = segment, 0
        with segment.open() as file:
            for block in blocks_of(file):
                if not self._take_block(block):
                    for line in lines_of(BytesIO(block)):
                        self._take_line(segment, line)

    def _take_block(self, block: bytes) -> bool:
        """Take BLOCK if it is nothing but whole records that follow on; else nothing of it."""
        # Lines, as BytesIO finds them in a third of the time that bytes.split takes.
        first, lines = self.sequence, BytesIO(block).readlines()
        if not self._may_take(len(lines)):
            return False
        behind = stretch.prove(lines, first, self.head, self.key)
        if behind is None:
            return False
        read = None if self.events is None else opening.read(lines)
        # What is read is read already; a search of all bytes takes as long as half of the reading.
        if RECOVERED in block if read is None else opening.RECOVERED_MEMBER in read.actions:
            return False
        self._end_forged()
        if self.events is not None:
            self.events.take_stretch(lines, first, read)
        if self.first is None:
            self.first = lines[0]
        self.last = lines[-1]
        self.head, self.key = behind
        self.sequence += len(lines)
        self.offset += len(block)
        return True

    def _may_take(self, count: int) -> bool:
        """Tell whether nothing else is due before the end of COUNT more records than proof."""
        segment = self.segment
        follows = segment is None or self.offset > 0 or segment.first == self.sequence
        witnessed = self.awaited.is_due(self.sequence, self.sequence + count)
        return not (self.skipping or self.junk.size or witnessed or not follows)

    def _take_line(self, segment: Segment, line: bytes) -> None:
        if self.events is not None:
            self.events.take(line)
        if self.skipping:
            number = form.number_of(line)
            self.skipping = number is None or number < self.sequence
        elif self.offset == 0 and segment.first != self.sequence:
            self._skip_to(segment.first, form.previous_head(line))
        if not self.skipping and not self._take(line):
            self._take_no_record(line)
        self.offset += len(line)

    def end(self) -> Verdict:
        """Return the verdict once everything was read."""
        self._end_segment(last=True)
        self._end_forged()
        for kind, text, records in self.awaited.end(self.sequence):
            self._add(Severity.FINDING, kind, text, records=records)
        verdict = self.verdict
        verdict.records, verdict.head, verdict.key = self.sequence, self.head, self.key
        verdict.first_time, verdict.last_time = form.time_of(self.first), form.time_of(self.last)
        if self.damaged is None:
            verdict.whole, verdict.whole_time = self.sequence, verdict.last_time
        else:
            verdict.whole = self.damaged
        return verdict

    def _take(self, line: bytes) -> bool:
        """Take LINE if it has the form and the number of the next record; prove it."""
        sequence, key = self.sequence, self.key
        if not line.startswith(b'{"event.sequence":%d,' % sequence):
            return False
        head = sha256(self.head + line[:TAIL]).digest()
        if key is None:
            whole = form.has_form(line) and form.head_of(line) == hexlify(head)
        else:
            whole = line[TAIL:] == EVIDENCE % (hexlify(head), mac_for(key, head))
        if not whole:
            return form.has_form(line) and self._examine(line, head)
        if self.forged is not None:
            self._end_forged()
        self._accept(line, head)
        return True

    def _examine(self, line: bytes, head: bytes) -> bool:
        """Say what is wrong with LINE, which should have HEAD, and go on behind it."""
        said = form.head_of(line)
        if said != hexlify(head):
            self._add(Severity.FINDING, "edited",
                      f"record {self.sequence} is not the one that was written",
                      records=(self.sequence, self.sequence))
            try:
                head = bytes.fromhex(said.decode("ascii"))
            except ValueError:
                return False
        self._accept_unproved(line, head)
        return True

    def _accept_unproved(self, line: bytes, head: bytes) -> None:
        """Go on behind LINE with HEAD, which is its own; its MAC alone is held against the key."""
        if self.key is not None and form.mac_of(line) != mac_for(self.key, head):
            self._note_forged()
        self._accept(line, head)

    def _accept(self, line: bytes, head: bytes) -> None:
        if self.junk.size or RECOVERED in line:
            self._settle_junk(line)
        if self.first is None:
            self.first = line
        self.head, self.last = head, line
        if self.key is not None:
            self.key = seal.next_key(self.key)
        self.sequence += 1
        if self.sequence in self.awaited:
            self._meet_witnesses()

    def _take_no_record(self, line: bytes) -> None:
        """Take LINE as bytes that are no record, or as one behind records that are missing."""
        number = form.number_of(line)
        if number is not None and self._may_skip_to(number, line):
            self._skip_to(number, None)
            # What the missing records ended in is unknown: the record vouches for itself alone.
            self._accept_unproved(line, bytes.fromhex(form.head_of(line).decode("ascii")))
            return
        self.junk.add(line, self.offset)

    def _may_skip_to(self, number: int, line: bytes) -> bool:
        """Tell whether LINE, of the form of a record, is to be believed to be the one NUMBER.

        With the key only where its MAC was made then: else one line that anybody appended would
        make all behind it unreadable. All tries together go no further than GAP_LIMIT.
        """
        ahead = number - self.sequence
        if not 0 < ahead <= self.may_skip:
            return False
        if self.key is None:
            return True
        self.may_skip -= ahead
        key = self.key
        for _ in range(ahead):
            key = seal.next_key(key)
        head = bytes.fromhex(form.head_of(line).decode("ascii"))
        return mac_for(key, head) == form.mac_of(line)

    def _skip_to(self, number: int, head: Optional[bytes]) -> None:
        """Go on at NUMBER behind missing records; HEAD is what was before it, if that is known."""
        if number < self.sequence:
            self._add(Severity.FINDING, "repeated",
                      f"the segment begins at {number}, and {self.sequence} is due",
                      records=(number, self.sequence - 1))
            return
        self._add(Severity.FINDING, "missing",
                  f"records {self.sequence} to {number - 1} are missing",
                  records=(self.sequence, number - 1))
        skipped = min(number - self.sequence, GAP_LIMIT)
        if self.key is not None:
            for _ in range(skipped):
                self.key = seal.next_key(self.key)
        self.awaited.pass_by(self.sequence, number)  # what is missing is told already
        self.sequence = number
        if head is not None:
            self.head = head

    def _settle_junk(self, line: bytes) -> None:
        """Hold what stood before LINE, a record, against what it acknowledges."""
        said = form.recovered(line) if RECOVERED in line else None
        for remark in self.junk.settle(self.sequence, said):
            self._add(*remark)
        self.junk = Junk()

    def _end_segment(self, last: bool) -> None:
        for remark in self.junk.end(self.sequence, last):
            self._add(*remark)
        self.junk = Junk()

    def _note_forged(self) -> None:
        if self.forged is None:
            self.forged = [self.sequence, self.sequence]
        self.forged[1] = self.sequence

    def _end_forged(self) -> None:
        if self.forged is None:
            return
        first, last = self.forged
        self.forged = None
        self._add(Severity.FINDING, "forged", f"records {first} to {last} were not made with the"
                  " keys of this chain: they were written anew", records=(first, last))

    def _meet_witnesses(self) -> None:
        """Hold the chain's end here against what was seen when it had as many records."""
        for kind, text, records in self.awaited.meet(self.sequence, self.head, self.key):
            self._add(Severity.FINDING, kind, text, records=records)

    def _add(
        self, severity: str, kind: str, text: str, offset: Optional[int] = None,
        records: Optional[tuple[int, int]] = None,
    ) -> None:
        if severity == Severity.FINDING:
            first = records[0] if records else self.sequence
            if self.damaged is None or first < self.damaged:
                self.damaged = first
                known = first == self.sequence  # not what is found out about earlier ones later
                self.verdict.whole_time = form.time_of(self.last) if known else ""
        if len(self.verdict.findings) >= REPORTED:
            self.verdict.hidden += 1
            return
        name = self.segment.name if self.segment else ""
        place = self.offset if offset is None else offset
        self.verdict.findings.append(Finding(severity, kind, text, name, place, records))
