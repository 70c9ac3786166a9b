"""The records of a log as objects, for questions: what is no record is counted and left out.

Proof is the business of verify; here a line counts as it says.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import form
from .segments import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .segments import Segment

    Record = dict[str, Any]


class Reader:
    """One reading of SEGMENTS; `left_out` counts the lines that are no record.

    `end` is where the last whole line of the last segment ended.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        self.segments = segments
        self.left_out = 0
        self.end = 0

    def __iter__(self) -> Iterator[Record]:
        for segment in self.segments:
            self.end = 0
            with segment.open() as file:
                for line in lines_of(file):
                    self.end += len(line) if line.endswith(b"\n") else 0
                    record = parse(line)
                    if record is None:
                        self.left_out += 1
                    else:
                        yield record


def parse(line: bytes) -> Record | None:
    """Return the record that LINE is, None for anything else."""
    if form.number_of(line) is None:
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def lines(segments: Iterable[Segment]) -> Iterator[tuple[Record, str]]:
    """Yield each record of SEGMENTS with its line, without the LF."""
    for segment in segments:
        with segment.open() as file:
            for line in lines_of(file):
                record = parse(line)
                if record is not None:
                    yield record, line.rstrip(b"\n").decode("ascii", "backslashreplace")
