"""The files of a question, and the batches in which the engine reads segments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PARQUET: Final = ".parquet"
# Of segments that are held in memory at once, in fewer columns: 200 MB or so. Half as many take a
# seventh more time, for each batch ends with idle threads; twice as many gain nothing.
BATCH_BYTES: Final = 512 << 20
# So many times its size a packed segment is taken to have: of a record's kilobyte some 100 bytes
# are hashes and random names. One that has more is more to hold, and goes to the scratch folder.
_PACKED: Final = 10
_GZIP: Final = ".gz"


def is_parquet(name: str) -> bool:
    """Tell whether the file NAME is one of Parquet; all others hold lines."""
    return name.endswith(PARQUET)


def batches(segments: Iterable[str], size: int = BATCH_BYTES) -> list[list[str]]:
    """Return SEGMENTS in batches of about SIZE bytes, in which no run ends before it starts.

    They are in the order of the numbers in their names: a log may lie in two folders.
    """
    found: list[list[str]] = []
    taken = 0
    for name in sorted(segments, key=os.path.basename):
        length = _length(name)
        if not found or taken + length > size:
            found.append([])
            taken = 0
        found[-1].append(name)
        taken += length
    return found


def _length(name: str) -> int:
    try:
        length = os.path.getsize(name)
    except OSError:  # the engine tells of it
        return 0
    return length * _PACKED if name.endswith(_GZIP) else length
