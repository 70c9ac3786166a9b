"""The log's lines as they are, from a record's number on to where its state says it ends."""

from __future__ import annotations

import errno
import os

from ..record import seal, segment
from ..record.line import RECORD_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from ..record.block import Block

PIECE: Final = 256 * 1024  # bytes held at a time

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SEGMENT: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def pieces(log: bytes, first: int, end: Block) -> Iterator[bytes]:
    """Yield the lines from record FIRST to END, the state of the log in the folder LOG.

    What stands between FIRST and the record before it goes along, torn or foreign as it is: only
    who has the key can judge it. Where old segments are gone, or that record can't be found, it is
    more than was asked for, never less. Raises OSError, segment.Unsafe.
    """
    folder = os.open(log, _FOLDER)
    try:
        found = [segment.first_of(os.fsencode(name)) for name in os.listdir(folder)]
        numbers = sorted(number for number in found if 0 <= number <= end.first)
        older = [number for number in numbers if number <= first]
        for number in numbers[max(0, len(older) - 1) :]:
            active = number == end.first
            yield from _segment(folder, number, first, end.size if active else -1)
    finally:
        os.close(folder)


def _segment(folder: int, number: int, first: int, size: int) -> Iterator[bytes]:
    """Yield the segment NUMBER up to SIZE, or to its end for -1, from record FIRST on."""
    descriptor = os.open(segment.name_of(number), _SEGMENT, dir_fd=folder)
    try:
        found = os.fstat(descriptor).st_size
        size = found if size < 0 else size
        if found < size:
            raise OSError(errno.EIO, "the log is shorter than its state says")
        position = _behind(descriptor, first - 1) if number < first else 0
        while position < size:
            piece = os.pread(descriptor, min(PIECE, size - position), position)
            if not piece:
                raise OSError(errno.EIO, "the log became shorter")
            yield piece
            position += len(piece)
    finally:
        os.close(descriptor)


def _behind(descriptor: int, number: int) -> int:
    """Return where the first line ends that begins as record NUMBER; 0 where there is none.

    A forged line of that number stands before or behind the true one: either way all that follows
    the true one is behind the place.
    """
    begin = seal.prefix(number)
    position, at_start = 0, True
    with open(descriptor, "rb", buffering=PIECE, closefd=False) as file:
        while line := file.readline(RECORD_LIMIT):
            position += len(line)
            ended = line.endswith(b"\n")
            if at_start and ended and line.startswith(begin):
                return position
            at_start = ended
    return 0
