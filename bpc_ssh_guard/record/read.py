"""The command log read back for guardctl: every record, and every line that is none, by number.

Not on the guard's path. What it returns was written by strangers in part: escape it for display.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from .line import RECORD_LIMIT
from .sink import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@dataclass(frozen=True)
class LogLine:
    """One line of the log: its record, or the problem that makes it none."""

    number: int
    record: Optional[dict[str, object]] = None
    problem: str = ""


def path_in(directory: str) -> str:
    """Return the path of the log file in DIRECTORY."""
    return os.path.join(directory, os.fsdecode(FILE_NAME))


def read(directory: str) -> Iterator[LogLine]:
    """Yield the lines of the log in DIRECTORY; raise OSError if it can't be read."""
    with open(path_in(directory), "rb") as file:
        for number, line in enumerate(_lines(file), 1):
            yield _parsed(number, line)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line, of an overlong one only the beginning, so that memory stays bounded."""
    while line := file.readline(RECORD_LIMIT + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(RECORD_LIMIT)
        yield line


def _parsed(number: int, line: bytes) -> LogLine:
    if len(line) > RECORD_LIMIT:
        return LogLine(number, problem=f"longer than {RECORD_LIMIT} bytes")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return LogLine(number, problem="no JSON: torn by a killed guard, or not written by one")
    if not isinstance(record, dict):
        return LogLine(number, problem="no JSON object: not written by the guard")
    return LogLine(number, record)
