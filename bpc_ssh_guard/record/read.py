"""The command log read back for guardctl: every record, and every line that is none, by number.

Not on the guard's path. What it returns was written by strangers in part: escape it for display.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from . import segment
from .line import RECORD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


_NO_JSON: Final = "no JSON: torn by a killed guard, or not written by one"


@dataclass(frozen=True)
class LogLine:
    """One line of a segment, `path`: its record, or the problem that makes it none."""

    path: str
    number: int
    record: Optional[dict[str, object]] = None
    problem: str = ""


def segments_in(directory: str) -> list[str]:
    """Return the paths of the log's segments in DIRECTORY, the oldest first; raise OSError."""
    names = [name for name in os.listdir(directory) if segment.first_of(os.fsencode(name)) >= 0]
    return [os.path.join(directory, name) for name in sorted(names)]


def read(directory: str) -> Iterator[LogLine]:
    """Yield the lines of the log in DIRECTORY; raise OSError if it can't be read or has none."""
    paths = segments_in(directory)
    if not paths:
        raise FileNotFoundError(errno.ENOENT, "there is no log", directory)
    for path in paths:
        with open(path, "rb") as file:
            for number, line in enumerate(_lines(file), 1):
                yield _parsed(path, number, line)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line, of an overlong one only the beginning, so that memory stays bounded."""
    while line := file.readline(RECORD_LIMIT + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(RECORD_LIMIT)
        yield line


def _parsed(path: str, number: int, line: bytes) -> LogLine:
    if len(line) > RECORD_LIMIT:
        return LogLine(path, number, problem=f"longer than {RECORD_LIMIT} bytes")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return LogLine(path, number, problem=_NO_JSON)
    if not isinstance(record, dict):
        return LogLine(path, number, problem="no JSON object: not written by the guard")
    return LogLine(path, number, record)
