"""The first pair of a label, put in place together with all else that its folder is to hold.

The folder is made beside its place and moved there when it is whole and durable, so that nobody
ever sees a part of it. A file for itself would need as many syncs, and twice the names.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Optional

from .durable import FILE_MODE, NEW, make_folder, new_folder, sync_folder, write_new
from .files import CURRENT, new_key, pair_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .durable import Named
    from .files import Pair

_GENERATION: Final = 1


@dataclass(frozen=True)
class First:
    """A pair that is in no file yet."""

    pair: Pair
    private: bytes = field(repr=False)


def is_fresh(folder: Path) -> bool:
    """Tell whether there is nothing at FOLDER yet."""
    return not os.path.lexists(folder)


def generate_first(folder: Path) -> First:
    """Return the first pair of the label whose folder is to be FOLDER."""
    private, public = new_key()
    return First(pair_of(folder, _GENERATION, public), private)


def put_first(
    first: First, more: Mapping[str, bytes], group: Optional[int] = None,
    named: Named = sync_folder,
) -> None:
    """Put the folder of FIRST in place: the pair, in use, and the files MORE; raises OSError.

    A folder that is there and holds anything is refused. NAMED as in `replace`.
    """
    folder = first.pair.path.parent
    beside = folder.with_name(folder.name + NEW)
    make_folder(folder.parent, group, named)
    if beside.is_dir():  # of a run that was killed
        shutil.rmtree(beside)
    new_folder(beside, group)
    try:
        _fill(beside, first, more, group)
        os.rename(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    named(folder.parent)


def _fill(
    folder: Path, first: First, more: Mapping[str, bytes], group: Optional[int]
) -> None:
    """Write all that FOLDER is to hold, durably; raises OSError."""
    name = first.pair.path.name
    files = {f"{name}.pub": f"{first.pair.public}\n".encode("ascii"), name: first.private, **more}
    for each, data in files.items():
        write_new(folder / each, data, FILE_MODE, group)
    os.symlink(name, folder / CURRENT)
    sync_folder(folder)
