"""The log while it is locked: found as the state says or made good, then written once.

The order holds whatever kills the guard: the segment is durable before the state says so, and what
the state does not say yet is read again from the segment by the next guard.
"""

from __future__ import annotations

import errno
import os
import time

from . import own, reserve, segment
from .block import SIZE as BLOCK_SIZE
from .block import Block
from .chain import Chain
from .notes import Notes
from .own import Recovered, Rotated
from .recovery import read_surplus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .line import Member

STATE: Final = b"state"
# The disk, the quota or the file size limit is at its end.
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Held:
    """The log in the open folder LOG, by the block in STATE, which the caller holds locked.

    Its methods raise OSError, segment.Unsafe and Damaged; `at` is the
    file then.
    """

    __slots__ = (
        "_block", "_due", "_first", "_folder", "_lacks_lf", "_log", "_segment", "_size", "_state",
        "at", "chain", "notes",
    )
    _block: Block
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
        if _exists(self._log, self.at):
            self._segment = segment.open_existing(self._log, self.at)
        return block

    def open(self) -> None:
        """Open the segment that the next record belongs to, and make good what is wrong with it."""
        self._block = Block.from_bytes(os.pread(self._state, BLOCK_SIZE + 1, 0))
        self.chain = Chain.after(self._block)
        self.notes = Notes.read(self._folder)
        self._first, self._size = self._block.first, self._block.size
        self._open_segment()
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

    def write(self, record: bytes, reserved: bool) -> list[bytes]:
        """Write what is due and RECORD, a line without evidence; return the sealed lines.

        RESERVED: it may use the space that is kept for it.
        """
        lines = [self.chain.append(each) for each in (*self._due, *([record] if record else ()))]
        data = b"\n" * self._lacks_lf + b"".join(lines)
        if not data:
            return lines
        self.at = segment.name_of(self._first)
        try:
            segment.append(self._segment, data, self._size)
        except OSError as error:
            if error.errno not in FULL or not reserved:
                raise
            reserve.release(self._folder)
            self.owe(Recovered.LOG_FULL)
            segment.append(self._segment, data, self._size)
        chain = self.chain
        block = Block(
            chain.sequence, self._size + len(data), self._first, month(), chain.head, chain.key,
            self._block.chain,
        )
        self.at = STATE
        # Not synced: a state that a crash made old is rolled forward by the segment.
        os.pwrite(self._state, block.to_bytes(), 0)
        return lines

    def store_notes(self) -> None:
        """Store the notes if they have changed."""
        if self.notes.changed:
            self.notes.write(self._folder)

    def owe(self, code: str) -> None:
        """Note that a later guard has to record CODE, one of Recovered."""
        if code not in self.notes.debts:
            self.notes.debts.append(code)
        self.notes.changed = True

    def pay(self) -> None:
        """Record what earlier guards could not; raises OSError while the disk is still full."""
        if not reserve.is_whole(self._folder):
            self.at = reserve.NAME
            reserve.fill(self._folder)
        for code in self.notes.debts:
            self._due.append(own.log_recovered(code))
            self.notes.changed = True
        self.notes.debts.clear()

    def _open_segment(self) -> None:
        next_name = segment.name_of(self._block.sequence)
        if self._block.sequence != self._first and _exists(self._log, next_name):
            self._first, self._size = self._block.sequence, 0  # a guard died while rotating
        self.at = segment.name_of(self._first)
        try:
            self._segment = segment.open_existing(self._log, self.at)
        except FileNotFoundError:
            if self._size:
                self._begin_after_loss(own.MISSING)
                return
            self._segment = segment.create(self._log, self.at)
        found = os.fstat(self._segment).st_size
        if found < self._size:
            self._begin_after_loss(found)
        elif found > self._size:
            self._roll_forward()

    def _roll_forward(self) -> None:
        surplus = read_surplus(self._segment, self._size, self.chain)
        tail = surplus.tail
        self._size = surplus.size
        self._lacks_lf = surplus.lacks_lf if tail is None else tail.lacks_lf
        if tail is not None:
            code = Recovered.TORN_WRITE if tail.torn else Recovered.FOREIGN_BYTES
            self._due.append(own.log_recovered(code, tail, segment=self._segment_members()))

    def _begin_after_loss(self, found: int) -> None:
        """Leave the active segment, of which FOUND bytes are there, and begin the next one."""
        sizes = self._size, found
        self._begin(self.chain.sequence)
        recovered = own.log_recovered(
            Recovered.LOG_SHORTER, sizes=sizes, segment=self._segment_members()
        )
        self._due.append(recovered)

    def _rotate_if_due(self) -> None:
        # A state that was behind is brought up first: were this guard killed now, the next could
        # not know the new segment, whose number the state does not name yet.
        behind = self.chain.sequence != self._block.sequence
        if self._due or (behind and self.chain.sequence != self._first):
            return
        if self.chain.sequence == self._first:  # nothing stands in it yet
            reason = Rotated.RESUMED if self._first else Rotated.CREATED
        elif self._size >= segment.SIZE_LIMIT:
            reason = Rotated.SIZE
        elif month() != self._block.month:
            reason = Rotated.MONTH
        else:
            return
        if self.chain.sequence != self._first:
            self._count_day()
            self._begin(self.chain.sequence)
        self._due.append(own.log_rotated(reason, self._segment_members()))

    def _begin(self, first: int) -> None:
        """Begin the segment whose first record has the number FIRST."""
        name = self.at = segment.name_of(first)
        created = segment.create(self._log, name)
        self.close()
        self._segment, self._first, self._size, self._lacks_lf = created, first, 0, False

    def _count_day(self) -> None:
        """Count the segment that ends among the bytes of its day."""
        notes, today = self.notes, day()
        notes.day_bytes = self._size + (notes.day_bytes if notes.day == today else 0)
        notes.day, notes.changed = today, True

    def _segment_members(self) -> list[Member]:
        """Return what the segment's first record says of it; nothing for a later one."""
        if self.chain.sequence != self._first:
            return []
        previous = segment.name_of(self._block.first) if self._first else b""
        return own.segment_members(self._block.chain, previous, self.chain.head)

    def written_today(self) -> int:
        """Return how many bytes of log the day has, as far as they are counted."""
        counted = self.notes.day_bytes if self.notes.day == day() else 0
        return counted + self._size


def day() -> str:
    """Return the day, UTC, as YYYYMMDD."""
    year, month, day_of_month = time.gmtime()[:3]
    return f"{year:04}{month:02}{day_of_month:02}"


def month() -> bytes:
    """Return the month, UTC, as YYYYMM."""
    return day()[:6].encode("ascii")


def _exists(folder: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
