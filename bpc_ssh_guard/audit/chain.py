"""Which chain a log is of, as the first record of each of its segments says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..record import seal
from .form import CHAIN_ID, member_after, number_of
from .segments import lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .segments import Segment


def chain_of(segments: Sequence[Segment]) -> bytes:
    """Return the id of the chain of SEGMENTS, by the first record that says it.

    Raises ValueError where none does, and OSError.
    """
    if not segments:
        raise ValueError("there is no segment of a log")
    for segment in segments:
        with segment.open() as file:
            # What a killed guard left of a record may stand before the first one.
            records = (line for line in lines_of(file) if number_of(line) == segment.first)
            found = member_after(next(records, b""), CHAIN_ID)
        if found is not None and len(found) == 2 * seal.CHAIN_BYTES:
            return bytes.fromhex(found.decode("ascii"))
    raise ValueError("no segment's first record names a chain")
