"""Holds the one object that a path names while it is changed: no link is followed on the way."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Held:
    """An object by its descriptor, opened with O_PATH: whoever renames its path changes nothing.

    FOLDER is the folder it was found in, itself for the root.
    """

    path: str
    descriptor: int
    folder: os.stat_result

    @property
    def info(self) -> os.stat_result:
        """Return what it is now."""
        return os.fstat(self.descriptor)

    @property
    def mode(self) -> int:
        """Return its twelve mode bits."""
        return stat.S_IMODE(self.info.st_mode)

    def change_mode(self, mode: int) -> None:
        """Set its mode."""
        # fchmod(2) refuses an O_PATH descriptor; its name in /proc means this very object.
        os.chmod(f"/proc/self/fd/{self.descriptor}", mode)


@contextlib.contextmanager
def held(root: Path, path: str) -> Iterator[Held]:
    """Hold PATH below ROOT; nothing is opened for reading, so no FIFO or device feels it.

    Raise Refused where a name is missing, a link, or no folder on the way.
    """
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    within = os.fstat(here)
    try:
        names = [name for name in path.split("/") if name]
        if ".." in names:
            raise Refused(f"{path}: leads back by ..")
        for number, name in enumerate(names):
            folder = os.O_DIRECTORY if number < len(names) - 1 else 0
            flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | folder
            try:
                there = os.open(name, flags, dir_fd=here)
            except OSError as error:
                raise Refused(f"{path}: {name}: {error.strerror}") from None
            within = os.fstat(here)
            os.close(here)
            here = there
        yield Held(path, here, within)
    finally:
        os.close(here)
