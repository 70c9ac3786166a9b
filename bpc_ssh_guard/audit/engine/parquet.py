"""Logs as Parquet: one file for each machine and month, with the fields as columns."""

from __future__ import annotations

import os
import re
import tempfile
from typing import TYPE_CHECKING, Final

from ..records import Reader
from .batches import PARQUET
from .columns import TIME
from .duck import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..segments import Segment

SUFFIX: Final = PARQUET

_MONTH: Final = re.compile("[0-9]{4}-[0-9]{2}")


def months(segments: Sequence[Segment]) -> dict[str, list[Segment]]:
    """Return SEGMENTS by their month, YYYY-MM: the guard begins another one with each month."""
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        first = next(iter(Reader([segment])), {})
        month = str(first.get(TIME, ""))[:7]
        if not _MONTH.fullmatch(month):  # no record, or one that says no time
            month = next(reversed(found), "unknown")
        found.setdefault(month, []).append(segment)
    return found


def is_younger(path: str, files: Sequence[str]) -> bool:
    """Tell whether the file at PATH is there and was written after the last change of FILES."""
    try:
        written = os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return False
    return all(os.stat(name).st_mtime_ns < written for name in files)


def convert(files: Sequence[str], path: str) -> int:
    """Write the records in FILES, of one log, to PATH at once or not at all; return how many.

    Raises EngineError.
    """
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.TemporaryDirectory(prefix=".parquet-", dir=folder) as scratch:
        beside = os.path.join(scratch, f"records{SUFFIX}")
        with Engine(files, scratch) as engine:
            written = engine.write_parquet(beside)
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(beside, path)
    return written
