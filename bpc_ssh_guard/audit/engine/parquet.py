"""Logs as Parquet: a file for each machine and month, the fields as columns, and its counts."""

from __future__ import annotations

import os
import re
import tempfile
from typing import TYPE_CHECKING, Final

from ..records import Reader
from . import counts
from .batches import PARQUET
from .columns import TIME
from .duck import Engine, meaning

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

    Their counts are written, too. Raises EngineError.
    """
    with _scratch(path) as scratch:
        beside = os.path.join(scratch, f"records{SUFFIX}")
        with Engine(files, scratch) as engine:
            written = engine.write_parquet(beside)
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(beside, path)
    count(path)
    return written


def is_counted(path: str) -> bool:
    """Tell whether the counts of the Parquet file at PATH are there, and to be believed."""
    with open(os.devnull, "wb") as nowhere:
        return counts.take(path, meaning(), nowhere)


def count(path: str) -> None:
    """Write the counts of the Parquet file at PATH beside it; raises EngineError."""
    held_to = counts.stamp(path, meaning())  # before it is read: it may be replaced meanwhile
    with _scratch(path) as scratch:
        made = os.path.join(scratch, f"counts{SUFFIX}")
        with Engine([path], scratch) as engine:
            engine.write_counts(made)
        counts.put(made, path, held_to)


def _scratch(path: str) -> tempfile.TemporaryDirectory[str]:
    """Return a folder beside PATH, from which a file is renamed into its place."""
    folder = os.path.dirname(os.path.abspath(path))
    return tempfile.TemporaryDirectory(prefix=".parquet-", dir=folder)
