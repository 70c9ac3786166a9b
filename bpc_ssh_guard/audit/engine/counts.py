"""The counts of a Parquet file, beside it, so that a report need not read its records.

They end with a hash of the Parquet file's size and time, of what counts mean, and of themselves.
Any that don't agree with it, be they stale, torn or another release's, are as good as not there.
With it they are no Parquet, so that no program takes them for records.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from .batches import PARQUET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

_FOLDER: Final = ".counts"
_PIECE: Final = 1 << 20


def path_of(parquet: str) -> str:
    """Return the path of the counts of the file at PARQUET.

    They are in a hidden folder: who asks for all files beside PARQUET doesn't get them.
    """
    folder, name = os.path.split(parquet)
    return os.path.join(folder, _FOLDER, name[: -len(PARQUET)])


def stamp(parquet: str, meaning: str) -> bytes:
    """Return what holds counts to the file at PARQUET as it is now, and to their MEANING."""
    status = os.stat(parquet)
    return f"{status.st_size} {status.st_mtime_ns} {meaning}".encode()


def put(made: str, parquet: str, held_to: bytes) -> None:
    """Put the counts of the file at PARQUET in their place: the file MADE, which is changed."""
    digest = hashlib.sha256(held_to)
    with open(made, "r+b") as file:
        for piece in _pieces(file, os.path.getsize(made)):
            digest.update(piece)
        file.write(digest.digest())
    os.makedirs(os.path.dirname(path_of(parquet)), exist_ok=True)
    os.replace(made, path_of(parquet))  # not synced: torn ones are not believed


def take(parquet: str, meaning: str, into: BinaryIO) -> bool:
    """Copy the counts of the file at PARQUET; tell whether they are there, and to be believed."""
    try:
        digest = hashlib.sha256(stamp(parquet, meaning))
        with open(path_of(parquet), "rb") as file:
            for piece in _pieces(file, os.fstat(file.fileno()).st_size - digest.digest_size):
                digest.update(piece)
                into.write(piece)
            return file.read() == digest.digest()
    except OSError:
        return False


def believed(parquets: Iterable[str], meaning: str, scratch: str) -> dict[str, str]:
    """Return those of PARQUETS that have counts to be believed, with a copy of these in SCRATCH."""
    found: dict[str, str] = {}
    os.makedirs(scratch, exist_ok=True)
    for number, name in enumerate(parquets):
        copy = os.path.join(scratch, f"counts-{number}{PARQUET}")
        with open(copy, "wb") as file:
            is_believed = take(name, meaning, file)
        if is_believed:
            found[name] = copy
    return found


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield LENGTH bytes of FILE, or what there is."""
    while length > 0 and (piece := file.read(min(length, _PIECE))):
        length -= len(piece)
        yield piece
