"""The proof of one log: its chain, the MACs with K_0, what witnesses saw, and where it is damaged.

One pass in bounded memory. What is found has its place; after a damage the reading goes on, so that
one edit is one finding and not a thousand. Evidence stands at fixed bytes: no JSON is parsed.
"""

from __future__ import annotations

import hmac
from binascii import hexlify
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Optional

from ..record import seal
from ..record.recovery import PIECES, is_torn
from ..record.seal import RATCHET_LABEL
from . import form
from .finding import Finding, Severity
from .form import MAC_DIGITS, TAIL
from .segments import lines_of
from .verdict import Start, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .segments import Segment
    from .witness import Witness

# A line that is no record may claim any number: beyond this it is not believed to be a gap.
GAP_LIMIT: Final = 1_000_000
REPORTED: Final = 200  # findings told in full; a log of another chain would have one per line


def chain_of(segments: Sequence[Segment]) -> bytes:
    """Return the id of the chain of SEGMENTS, by the first one that says it.

    Raises ValueError where none does, and OSError.
    """
    if not segments:
        raise ValueError("there is no segment of a log")
    for segment in segments:
        with segment.open() as file:
            found = form.member_after(next(lines_of(file), b""), form.CHAIN_ID)
        if found is not None and len(found) == 2 * seal.CHAIN_BYTES:
            return bytes.fromhex(found.decode("ascii"))
    raise ValueError("no segment's first record names a chain")


def verify(
    segments: Sequence[Segment],
    chain: bytes,
    start: Start,
    witnesses: Iterable[Witness] = (),
) -> Verdict:
    """Return what SEGMENTS of CHAIN prove from START on; raises OSError."""
    reader = _Reader(chain, start, witnesses)
    for segment in segments:
        reader.read(segment)
    return reader.end()


class _Reader:
    """One pass over the segments."""

    def __init__(self, chain: bytes, start: Start, witnesses: Iterable[Witness]) -> None:
        self.verdict = Verdict(chain, start.sequence, start.head, start.key, start.sequence)
        self.verdict.with_key = start.key is not None
        self.sequence, self.head, self.key = start.sequence, start.head, start.key
        self.damaged: Optional[int] = None  # the first number that a finding is about
        self.junk, self.junk_size, self.junk_at = sha256(), 0, 0
        self.junk_pieces: list[bytes] = []  # the first ones: enough to tell torn from foreign
        self.first: Optional[bytes] = None  # the first and the last record
        self.last: Optional[bytes] = None
        self.segment: Optional[Segment] = None
        self.offset = 0
        self.forged: Optional[list[int]] = None  # first and last of a run of wrong MACs
        self.awaited: dict[int, list[Witness]] = {}
        for witness in witnesses:
            if witness.chain == chain:
                self.awaited.setdefault(witness.sequence, []).append(witness)
        self._meet_witnesses()

    def read(self, segment: Segment) -> None:
        """Read SEGMENT, all of whose records must follow on what came before."""
        if self.segment is not None:
            self._end_segment(last=False)
        skipping = self.segment is None and segment.first < self.sequence
        self.segment, self.offset = segment, 0
        with segment.open() as file:
            for line in lines_of(file):
                if skipping:  # what was verified before
                    number = form.number_of(line)
                    skipping = number is None or number < self.sequence
                elif self.offset == 0 and segment.first != self.sequence:
                    self._skip_to(segment.first, form.previous_head(line))
                if not skipping and not self._take(line):
                    self._take_no_record(line)
                self.offset += len(line)

    def end(self) -> Verdict:
        """Return the verdict once everything was read."""
        self._end_segment(last=True)
        self._end_forged()
        for number in sorted(self.awaited):
            for witness in self.awaited[number]:
                self._add(
                    Severity.FINDING, "shortened",
                    f"{witness.source} saw {number} records and the log has {self.sequence}:"
                    " its end was cut off, or an older state was put back",
                    records=(self.sequence, number - 1),
                )
        verdict = self.verdict
        verdict.records, verdict.head, verdict.key = self.sequence, self.head, self.key
        verdict.first_time, verdict.last_time = form.time_of(self.first), form.time_of(self.last)
        verdict.whole = self.sequence if self.damaged is None else self.damaged
        return verdict

    def _take(self, line: bytes) -> bool:
        """Take LINE if it has the form and the number of the next record; prove it."""
        if not line.startswith(b'{"event.sequence":%d,' % self.sequence):
            return False
        head = sha256(self.head + line[:TAIL]).digest()
        if self.key is None:
            whole = form.has_form(line) and form.head_of(line) == hexlify(head)
        else:
            mac = hexlify(hmac.digest(self.key, head, "sha256"))[:MAC_DIGITS]
            whole = line[TAIL:] == form.EVIDENCE % (hexlify(head), mac)
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
        if self.key is not None:
            mac = hexlify(hmac.digest(self.key, head, "sha256"))[:MAC_DIGITS]
            if form.mac_of(line) != mac:
                self._note_forged()
        self._accept(line, head)

    def _accept(self, line: bytes, head: bytes) -> None:
        if self.junk_size or form.RECOVERED in line:
            self._settle_junk(line)
        self.head = head
        if self.key is not None:
            self.key = sha256(RATCHET_LABEL + self.key).digest()
        self._advance(line)

    def _advance(self, line: bytes) -> None:
        self.sequence += 1
        self.last = line
        if self.first is None:
            self.first = line
        if self.sequence in self.awaited:
            self._meet_witnesses()

    def _take_no_record(self, line: bytes) -> None:
        """Take LINE as bytes that are no record, or as one behind records that are missing."""
        number = form.number_of(line)
        if number is not None and self.sequence < number <= self.sequence + GAP_LIMIT:
            self._skip_to(number, None)
            # What the missing records ended in is unknown: the record vouches for itself alone.
            self._accept_unproved(line, bytes.fromhex(form.head_of(line).decode("ascii")))
            return
        if not self.junk_size:
            self.junk_at = self.offset
        self.junk.update(line)
        self.junk_size += len(line)
        if len(self.junk_pieces) <= PIECES:
            self.junk_pieces.append(line.removesuffix(b"\n"))

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
        for passed in [each for each in self.awaited if self.sequence < each < number]:
            del self.awaited[passed]  # they saw what is missing: that is told already
        self.sequence = number
        if head is not None:
            self.head = head

    def _settle_junk(self, line: bytes) -> None:
        """Hold what stood before LINE, a record, against what it acknowledges."""
        said = form.recovered(line) if form.RECOVERED in line else None
        code = said.get("event.code") if said else None
        acknowledges = code in ("torn-write", "foreign-bytes")
        if code == "log-shorter":
            self._add(Severity.FINDING, "shorter",
                      "the segment before lost bytes or vanished, as the guard found it",
                      records=(self.sequence, self.sequence))
        if not self.junk_size and not acknowledges:
            return
        counted = said is not None and (
            said.get("bpc.recovered.bytes"), said.get("bpc.recovered.sha256")
        ) == (self.junk_size, self.junk.hexdigest())
        if not counted:
            kind = "unacknowledged" if self.junk_size else "recovered-nothing"
            self._add(Severity.FINDING, kind,
                      f"{self.junk_size} bytes before record {self.sequence} are not what it"
                      " acknowledges", offset=self.junk_at if self.junk_size else None,
                      records=(self.sequence, self.sequence))
        elif code == "torn-write" and self._is_torn():
            self._add(Severity.WARNING, "torn", "a killed guard left a piece of a record, which"
                      " was acknowledged", offset=self.junk_at)
        else:
            self._add_foreign()
        self._forget_junk()

    def _end_segment(self, last: bool) -> None:
        """Tell of bytes at the end of a segment; in the LAST one a guard may be writing them."""
        if self.junk_size and last and self._is_torn():
            self._add(Severity.WARNING, "torn", "the log ends in a piece of the next record: a"
                      " guard is writing it, or was killed", offset=self.junk_at)
        elif self.junk_size:
            self._add_foreign()
        self._forget_junk()

    def _is_torn(self) -> bool:
        return is_torn(self.junk_pieces, self.sequence)

    def _add_foreign(self) -> None:
        self._add(
            Severity.FINDING, "foreign", f"{self.junk_size} bytes stand in the log that no guard"
            " wrote", offset=self.junk_at, records=(self.sequence, self.sequence),
        )

    def _forget_junk(self) -> None:
        self.junk, self.junk_size, self.junk_pieces = sha256(), 0, []

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
        for witness in self.awaited.pop(self.sequence, ()):
            if witness.head != self.head:
                self._add(Severity.FINDING, "contradicted",
                          f"{witness.source} saw another chain up to record {self.sequence - 1}",
                          records=(0, self.sequence - 1))
            elif witness.proof and self.key is not None:
                proved = seal.proof(
                    self.key, witness.chain, witness.sequence, witness.head, witness.nonce
                )
                if not hmac.compare_digest(proved, witness.proof):
                    self._add(Severity.FINDING, "unproved", f"the checkpoint that {witness.source}"
                              f" was given at {self.sequence} is not proved by this chain's key",
                              records=(self.sequence, self.sequence))

    def _add(
        self, severity: str, kind: str, text: str, offset: Optional[int] = None,
        records: Optional[tuple[int, int]] = None,
    ) -> None:
        if severity == Severity.FINDING:
            first = records[0] if records else self.sequence
            self.damaged = first if self.damaged is None else min(self.damaged, first)
        if len(self.verdict.findings) >= REPORTED:
            self.verdict.hidden += 1
            return
        name = self.segment.name if self.segment else ""
        place = self.offset if offset is None else offset
        self.verdict.findings.append(Finding(severity, kind, text, name, place, records))
