"""The log while it is locked: found as the state says or made good, then written once.

The order holds whatever kills the guard: the segment is durable before the state says so, and what
the state does not say yet is read again from the segment by the next guard.
"""

from __future__ import annotations

import errno
import os
import time

from . import reserve, segment
from .block import SIZE as BLOCK_SIZE
from .block import Block
from .chain import Chain
from .notes import DEBT_OF, Notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .line import Member

STATE: Final = b"state"
NOBODY: Final = ("", "")  # label and KEYID of what no key asked for
# The disk, the quota or the file size limit is at its end.
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Held:
    """The log in the open folder LOG, by the block in STATE, which the caller holds locked.

    Its methods raise OSError, segment.Unsafe and Damaged; `at` is the
    file then.
    """

    __slots__ = (
        "_block", "_day", "_due", "_first", "_folder", "_lacks_lf", "_log", "_month", "_segment",
        "_size", "_state", "at", "chain", "notes",
    )
    _block: Block
    _day: str  # of now
    chain: Chain
    notes: Notes

    def __init__(self, log: int, folder: int, state: int) -> None:
        self._log: Final = log
        self._folder: Final = folder
        self._state: Final = state
        self._due: list[bytes] = []  # records of the log's own, before the one that is to be added
        self._lacks_lf = False
        self._segment = -1
        self.at = STATE

    def inspect(self) -> Block:
        """Return what the state says; raises for a damaged one and an unsafe segment too."""
        block = Block.from_bytes(os.pread(self._state, BLOCK_SIZE + 1, 0))
        self.at = segment.name_of(block.first)
        if _size_of(self._log, self.at) != segment.MISSING:
            self._segment = segment.open_existing(self._log, self.at)
        return block

    def open(self) -> None:
        """Open the segment that the next record belongs to, and make good what is wrong with it."""
        self._block = Block.from_bytes(os.pread(self._state, BLOCK_SIZE + 1, 0))
        self._day = day()
        self.chain = Chain.after(self._block)
        self.notes = Notes.read(self._folder)
        self._first, self._size = self._block.first, self._block.size
        self._month = self._block.month
        self._open_segment()
        self._begin_day()
        self._rotate_if_due()

    def close(self) -> None:
        """Close the segment."""
        if self._segment >= 0:
            os.close(self._segment)

    @property
    def chain_id(self) -> bytes:
        """The id of the chain, 16 bytes."""
        return self._block.chain

    def add_due(self, record: bytes) -> None:
        """Write RECORD, a line without evidence, before the next one."""
        self._due.append(record)

    def write(self, record: bytes, reserved: bool, key: tuple[str, str] = NOBODY) -> list[bytes]:
        """Write what is due and RECORD, a line without evidence; return the sealed lines.

        RESERVED: it may use the space that is kept for it. KEY is charged for its bytes.
        """
        lines = [self.chain.append(each) for each in (*self._due, *([record] if record else ()))]
        data = b"\n" * self._lacks_lf + b"".join(lines)
        if not data:
            return lines
        self.at = segment.name_of(self._first)
        try:
            segment.append(self._segment, data, self._size)
        except OSError as error:
            # A piece that could not be taken back (chattr +a) has to be acknowledged first.
            torn = os.fstat(self._segment).st_size != self._size
            if error.errno not in FULL or not reserved or torn:
                raise
            from .own import Recovered

            reserve.release(self._folder)
            self.owe(Recovered.LOG_FULL)
            segment.append(self._segment, data, self._size)
        if key != NOBODY:
            self.notes.charge(key, self._size, self._size + len(data))
        chain = self.chain
        block = Block(
            chain.sequence, self._size + len(data), self._first, self._month, chain.head,
            chain.key, self._block.chain,
        )
        self.at = STATE
        # Not synced: a state that a crash made old is rolled forward by the segment.
        os.pwrite(self._state, block.to_bytes(), 0)
        return lines

    def store_notes(self) -> None:
        """Store the notes if they have changed."""
        if self.notes.changed:
            self.notes.write(self._folder)

    def owe(self, code: str, entity_id: str = "") -> None:
        """Note that a later guard has to record CODE, one of Recovered, of the run ENTITY_ID."""
        self.notes.owe(code, entity_id)

    def pay(self) -> None:
        """Record what earlier guards could not; raises OSError while the disk is still full."""
        if not reserve.is_whole(self._folder):
            self.at = reserve.NAME
            reserve.fill(self._folder)
        if not self.notes.debts:
            return
        from .own import log_recovered

        for debt in self.notes.debts:
            code, _, entity_id = debt.partition(DEBT_OF)
            self._due.append(log_recovered(code, entity_id))
        self.notes.debts.clear()
        self.notes.changed = True

    def _open_segment(self) -> None:
        left = None  # the bytes of the segment before, where a guard died while leaving it
        is_there = _size_of(self._log, segment.name_of(self._block.sequence)) != segment.MISSING
        if self._block.sequence != self._first and is_there:
            left = _size_of(self._log, segment.name_of(self._first))
            self._first, self._size, self._month = self._block.sequence, 0, month(self._day)
        self.at = segment.name_of(self._first)
        try:
            self._segment = segment.open_existing(self._log, self.at)
        except FileNotFoundError:
            if self._size:
                self._begin_after_loss(segment.MISSING)
                return
            self._segment = segment.create(self._log, self.at)
        found = os.fstat(self._segment).st_size
        if found < self._size:
            self._begin_after_loss(found)
        elif found > self._size:
            self._roll_forward()
        if left is not None and left < self._block.size and self.chain.sequence == self._first:
            self._tell_loss(self._block.size, left)

    def _roll_forward(self) -> None:
        from .own import Recovered, log_recovered
        from .recovery import read_surplus

        surplus = read_surplus(self._segment, self._size, self.chain)
        tail = surplus.tail
        self._size = surplus.size
        self._lacks_lf = surplus.lacks_lf if tail is None else tail.lacks_lf
        if tail is not None:
            code = Recovered.TORN_WRITE if tail.torn else Recovered.FOREIGN_BYTES
            self._due.append(log_recovered(code, tail=tail, segment=self._segment_members()))

    def _begin_after_loss(self, found: int) -> None:
        """Leave the active segment, of which FOUND bytes are there, and begin the next one."""
        expected = self._size
        self._begin(self.chain.sequence)
        self._tell_loss(expected, found)

    def _tell_loss(self, expected: int, found: int) -> None:
        """Record in the new segment that the one before has FOUND bytes, not those EXPECTED."""
        from .own import Recovered, log_recovered

        members = [] if self._due else self._segment_members()
        sizes = expected, found
        self._due.append(log_recovered(Recovered.LOG_SHORTER, sizes=sizes, segment=members))

    def _rotate_if_due(self) -> None:
        # A state that was behind is brought up first: were this guard killed now, the next could
        # not know the new segment, whose number the state does not name yet.
        behind = self.chain.sequence != self._block.sequence
        if self._due or (behind and self.chain.sequence != self._first):
            return
        empty = self.chain.sequence == self._first
        full = self._size >= segment.SIZE_LIMIT
        if not (empty or full or month(self._day) != self._month):
            return
        from .own import Rotated, log_rotated

        if empty:
            reason = Rotated.RESUMED if self._first else Rotated.CREATED
        else:
            reason = Rotated.SIZE if full else Rotated.MONTH
        if self.chain.sequence != self._first:
            self.notes.day_bytes += self._size
            self.notes.changed = True
            self._begin(self.chain.sequence)
        self._due.append(log_rotated(reason, self._segment_members()))

    def _begin(self, first: int) -> None:
        """Begin the segment whose first record has the number FIRST."""
        name = self.at = segment.name_of(first)
        created = segment.create(self._log, name)
        self.close()
        self._segment, self._first, self._size, self._lacks_lf = created, first, 0, False
        self._month = month(self._day)

    def _begin_day(self) -> None:
        """Count the bytes of log from here on where a new day has begun."""
        if self.notes.day != self._day:
            self.notes.begin_day(self._day, -self._size)

    def _segment_members(self) -> list[Member]:
        """Return what the segment's first record says of it; nothing for a later one."""
        if self.chain.sequence != self._first:
            return []
        from .own import segment_members

        previous = segment.name_of(self._block.first) if self._first else b""
        return segment_members(self._block.chain, previous, self.chain.head)

    def written_today(self) -> int:
        """Return how many bytes of log the day has, as far as they are counted."""
        return self.notes.day_bytes + self._size


def day() -> str:
    """Return the day, UTC, as YYYYMMDD."""
    year, month, day_of_month = time.gmtime()[:3]
    return f"{year:04}{month:02}{day_of_month:02}"


def month(today: str) -> bytes:
    """Return the month of TODAY, YYYYMMDD, as YYYYMM."""
    return today[:6].encode("ascii")


def _size_of(folder: int, name: bytes) -> int:
    """Return the size of the file NAME in the open FOLDER, segment.MISSING without one."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
    except FileNotFoundError:
        return segment.MISSING
