"""What lies behind the end that the state knows: records of a killed guard, torn or foreign bytes.

Records that were written and not yet counted are accepted; nothing is ever cut off or overwritten.
What is no record stays where it is, and the next record acknowledges it by size and hash.
"""

from __future__ import annotations

import os

from ..lean import sha256
from .line import RECORD_LIMIT
from .seal import prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final, Optional

    from .chain import Chain

READ_SIZE: Final = 1 << 18
PIECES: Final = 64  # of a torn tail: guards that died one after the other while recovering


class Tail:
    """The bytes behind the last record, with the LF that `lacks_lf` says is to be added.

    `torn`: a killed guard may have written them. Otherwise they are foreign: no guard did.
    """

    __slots__ = ("count", "digest", "lacks_lf", "torn")
    count: Final[int]
    digest: Final[str]
    lacks_lf: Final[bool]
    torn: Final[bool]

    def __init__(self, count: int, digest: str, lacks_lf: bool, torn: bool) -> None:
        self.count = count
        self.digest = digest
        self.lacks_lf = lacks_lf
        self.torn = torn


class Surplus:
    """One reading of a segment from a place to its end, by which the chain has gone on.

    `size` is the end, `lacks_lf` that the last record is whole but for its LF, `tail` what no
    record is behind the last one, None for nothing.
    """

    __slots__ = ("lacks_lf", "size", "tail")
    size: Final[int]
    lacks_lf: Final[bool]
    tail: Final[Optional[Tail]]

    def __init__(self, size: int, lacks_lf: bool, tail: Optional[Tail]) -> None:
        self.size = size
        self.lacks_lf = lacks_lf
        self.tail = tail


def read_surplus(descriptor: int, offset: int, chain: Chain) -> Surplus:
    """Read the segment DESCRIPTOR from OFFSET on and let CHAIN accept every record of it.

    What is no record is skipped where a record follows: a guard that came later acknowledged it.
    """
    size, lacks_lf, junk = offset, False, _Junk()
    for piece in _pieces(descriptor, offset):
        size += len(piece)
        if chain.accept(piece):
            junk = _Junk()
        elif not piece.endswith(b"\n") and chain.accept(piece + b"\n"):
            junk, lacks_lf = _Junk(), True
        else:
            junk.add(piece)
    return Surplus(size, lacks_lf, junk.as_tail(chain.sequence))


def is_torn(pieces: Sequence[bytes], sequence: int) -> bool:
    """Tell whether killed guards can have left PIECES where the record SEQUENCE was to be.

    Each is a beginning of that record or of its first member, and none looks complete: a complete
    one of a guard would have been accepted.
    """
    begin = prefix(sequence)
    return len(pieces) <= PIECES and all(
        piece and len(piece) <= RECORD_LIMIT and not piece.endswith(b"}")
        and (piece.startswith(begin) or begin.startswith(piece))
        for piece in pieces
    )


class _Junk:
    """Bytes that are no record, piece by piece: their size, hash, and the first of them."""

    __slots__ = ("_digest", "_ended", "_first", "_length")

    def __init__(self) -> None:
        self._digest = sha256()
        self._length = 0
        self._first: list[bytes] = []
        self._ended = True

    def add(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._length += len(piece)
        if len(self._first) <= PIECES:  # one more shows that there are too many
            self._first.append(piece.removesuffix(b"\n"))
        self._ended = piece.endswith(b"\n")

    def as_tail(self, sequence: int) -> Optional[Tail]:
        if not self._length:
            return None
        if not self._ended:
            self._digest.update(b"\n")
        length = self._length + (not self._ended)
        torn = is_torn(self._first, sequence)
        return Tail(length, self._digest.hexdigest(), not self._ended, torn)


def _pieces(descriptor: int, offset: int) -> Iterator[bytes]:
    """Yield the lines from OFFSET on; of one over the limit, pieces that are no record."""
    rest = b""
    while block := os.pread(descriptor, READ_SIZE, offset):
        offset += len(block)
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line + b"\n"
        if len(rest) > RECORD_LIMIT:
            yield rest  # too long for a record already: memory stays bounded
            rest = b""
    if rest:
        yield rest
