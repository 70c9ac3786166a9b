"""The segments of a log in a folder, plain or compressed, read line by line in bounded memory."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from ..record import segment
from ..record.line import RECORD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GZIP: Final = ".gz"
BLOCK: Final = 128 << 10  # bytes read at once: what the processor's cache holds with what is made


@dataclass(frozen=True)
class Segment:
    """One file of a log: the number that its name says its first record has, and its path."""

    first: int
    path: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return os.path.basename(self.path)

    @property
    def is_compressed(self) -> bool:
        """Tell whether the file is one of gzip."""
        return self.path.endswith(GZIP)

    def open(self) -> BinaryIO:
        """Return the open file, decompressed; raises OSError."""
        if self.is_compressed:
            return cast(BinaryIO, gzip.open(self.path, "rb"))
        return open(self.path, "rb")


def segments_in(folder: str) -> list[Segment]:
    """Return the segments in FOLDER by number; raises OSError.

    A segment that is there plain and compressed is taken plain.
    """
    found: dict[int, Segment] = {}
    for name in sorted(os.listdir(folder), reverse=True):
        first = segment.first_of(os.fsencode(name.removesuffix(GZIP)))
        if first >= 0:
            found[first] = Segment(first, os.path.join(folder, name))
    return [found[first] for first in sorted(found)]


def since(segments: Sequence[Segment], number: int) -> list[Segment]:
    """Return those of SEGMENTS, in their order, that can hold the record NUMBER or later ones."""
    earlier = [each for each in segments if each.first <= number]
    return list(segments[max(0, len(earlier) - 1) :])


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line of FILE with its LF; of an overlong one pieces, none of which is a record."""
    while line := file.readline(RECORD_LIMIT + 1):
        yield line


def blocks_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield what FILE holds in blocks of whole lines, split nowhere but where `lines_of` does."""
    rest = b""
    while data := file.read(BLOCK):
        # With the end of its last line: nearly always there is no rest to copy then.
        data = rest + data + file.readline(RECORD_LIMIT + 1)
        end = data.rfind(b"\n") + 1
        if end:
            yield data[:end]
        rest = data[end:]
        while len(rest) > RECORD_LIMIT:
            yield rest[: RECORD_LIMIT + 1]
            rest = rest[RECORD_LIMIT + 1 :]
    if rest:
        yield rest
