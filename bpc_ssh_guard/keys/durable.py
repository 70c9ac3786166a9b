"""Files and folders written so that whoever is killed leaves the old or the new, and none torn."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, Optional

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Named = Callable[[Path], object]  # is given a folder that has new names, to make them durable

FILE_MODE: Final = 0o640  # BackupPC's group reads them; who owns them may replace them
FOLDER_MODE: Final = 0o750
NEW: Final = ".new"  # behind the name of what is not in place yet


def sync_folder(path: Path) -> None:
    """Make the names in the folder PATH durable; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes, mode: int, group: Optional[int] = None) -> None:
    """Write DATA to PATH, a new file of MODE and GROUP, synced; raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
        while data:
            data = data[os.write(descriptor, data):]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(
    path: Path, data: bytes, mode: int, group: Optional[int] = None, named: Named = sync_folder
) -> None:
    """Put DATA in place of the file PATH at once; raises OSError.

    NAMED is told of each folder with new names: by default it syncs it, before anything is
    returned; a caller with many labels may gather them and sync each once.
    """
    beside = path.with_name(path.name + NEW)
    beside.unlink(missing_ok=True)
    try:
        write_new(beside, data, mode, group)
        os.rename(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    named(path.parent)


def make_folder(
    path: Path, group: Optional[int] = None, named: Named = sync_folder
) -> None:
    """Make PATH and the folders above it that don't exist, readable by GROUP; raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent, group, named)
    with contextlib.suppress(FileExistsError):  # another thread makes that of the host
        new_folder(path, group)
        named(path.parent)


def new_folder(path: Path, group: Optional[int] = None) -> None:
    """Make the folder PATH, readable by GROUP; raises OSError."""
    os.mkdir(path, FOLDER_MODE)
    try:
        if group is not None:
            os.chown(path, -1, group)
        os.chmod(path, FOLDER_MODE)
    except BaseException:  # the next run would take it as it is
        os.rmdir(path)
        raise
