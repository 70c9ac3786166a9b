"""The records of a log as objects, for questions: what is no record is counted and left out.

Proof is the business of verify; here a line counts as it says.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from . import form
from .segments import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .segments import Segment

    Record = dict[str, Any]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)


class Lines:
    """One reading of SEGMENTS: each record with its line, without the LF.

    `left_out` counts the lines that are no record; `end` is where the last whole line of the last
    segment ended.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        self.segments = segments
        self.left_out = 0
        self.end = 0

    def __iter__(self) -> Iterator[tuple[Record, str]]:
        for segment in self.segments:
            self.end = 0
            for line in _lines(segment):
                self.end += len(line) if line.endswith(b"\n") else 0
                record = parse(line)
                if record is None:
                    self.left_out += 1
                else:
                    yield record, line.rstrip(b"\n").decode("ascii")


class Reader:
    """One reading of SEGMENTS, record by record; as Lines otherwise."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._lines = Lines(segments)

    @property
    def left_out(self) -> int:
        """The number of lines that are no record."""
        return self._lines.left_out

    @property
    def end(self) -> int:
        """Where the last whole line of the last segment ended."""
        return self._lines.end

    def __iter__(self) -> Iterator[Record]:
        for record, _ in self._lines:
            yield record


def parse(line: bytes) -> Record | None:
    """Return the record that LINE is, None for anything else.

    The guard writes ASCII and no lone surrogates: a line that has others is of somebody else, and
    many a reader of exports would refuse the whole file for it.
    """
    if form.number_of(line) is None or not line.isascii():
        return None
    try:
        record = _DECODER.decode(line.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and not _has_surrogates(line, record) else None


def _has_surrogates(line: bytes, record: Record) -> bool:
    if b"\\ud" not in line and b"\\uD" not in line:
        return False
    try:
        json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _lines(segment: Segment) -> Iterator[bytes]:
    """Yield each line of SEGMENT; raises OSError, for a damaged archive too."""
    with segment.open() as file:
        try:
            yield from lines_of(file)
        except (EOFError, zlib.error) as error:
            raise OSError(f"{segment.path}: damaged, no whole file of gzip: {error}") from None
