"""Paths found component by component through descriptors, past no link that others could turn.

A symbolic link on the way to a root or a mask is followed only where its owner could not use it to
choose somebody else's files: open(2) by name would follow any.
"""

from __future__ import annotations

import errno
import os
import stat

from ..command.paths import is_beneath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, Optional

MAX_LINKS: Final = 40  # one within another; the kernel's own limit, path_resolution(7)

# O_DIRECTORY makes the kernel mount what is mounted on demand (automount); O_PATH alone does not.
_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANYTHING: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Place:
    """An entry held by an O_PATH descriptor, and its only path without symbolic links."""

    __slots__ = ("descriptor", "path")

    def __init__(self, descriptor: int, path: bytes) -> None:
        self.descriptor: Final = descriptor
        self.path: Final = path

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def is_folder(self) -> bool:
        """Tell whether the entry is a folder."""
        return stat.S_ISDIR(os.fstat(self.descriptor).st_mode)

    def names(self) -> list[bytes]:
        """Return the names in this folder."""
        listing = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            return [os.fsencode(name) for name in os.listdir(listing)]
        finally:
            os.close(listing)

    def below(self, name: bytes) -> Place:
        """Return the entry NAME of this folder, a symbolic link as itself; raises OSError."""
        path = self._path_below(name)
        try:
            return Place(os.open(name, _FOLDER, dir_fd=self.descriptor), path)
        except NotADirectoryError:
            return Place(os.open(name, _ANYTHING, dir_fd=self.descriptor), path)

    def _path_below(self, name: bytes) -> bytes:
        if name == b".":
            return self.path
        return os.path.dirname(self.path) if name == b".." else os.path.join(self.path, name)


class Pathfinder:
    """Finds places under one rule for symbolic links; raises OSError(ELOOP) where it forbids one.

    Links of root and of this account are followed. With OWN_TARGETS others' are too where they
    lead to what belongs to their owner. Below the folders LINKLESS, real paths, none is followed:
    there a restore that still runs, and writes as root, could have put it.
    """

    __slots__ = ("_linkless", "_own_targets", "_trusted", "followed")

    def __init__(self, own_targets: bool = False, linkless: Iterable[bytes] = ()) -> None:
        self._own_targets: Final = own_targets
        self._linkless: Final = tuple(linkless)
        self._trusted: Final = (0, os.geteuid())
        self.followed: Final[dict[bytes, bytes]] = {}  # path and target of each link on the way

    def find(self, path: bytes) -> Place:
        """Return the place of absolute PATH; raises OSError."""
        return self._descend(_top(), path.split(b"/"), MAX_LINKS)

    def enter(self, folder: Place, name: bytes) -> Place:
        """Return what NAME in FOLDER is or leads to, FOLDER left open; raises OSError."""
        return self._step(folder, name, MAX_LINKS)

    def _descend(self, place: Place, names: Iterable[bytes], links: int) -> Place:
        for name in names:
            if name not in (b"", b"."):
                with place:
                    below = self._step(place, name, links)
                place = below
        return place

    def _step(self, folder: Place, name: bytes, links: int) -> Place:
        place = folder.below(name)
        status = os.fstat(place.descriptor)
        if not stat.S_ISLNK(status.st_mode):
            return place
        with place:
            target = os.readlink(b"", dir_fd=place.descriptor)
        if links == 0:
            raise _forbidden(place.path, "too many symbolic links")
        if any(is_beneath(folder.path, above) for above in self._linkless):
            raise _forbidden(place.path, "a symbolic link where a restore may write")
        start = _top() if target.startswith(b"/") else folder.below(b".")
        found = self._descend(start, target.split(b"/"), links - 1)
        if not self._may_lead(status.st_uid, os.fstat(found.descriptor).st_uid):
            os.close(found.descriptor)
            raise _forbidden(place.path, f"a symbolic link of uid {status.st_uid}")
        self.followed[place.path] = target
        return found

    def _may_lead(self, link_owner: int, target_owner: int) -> bool:
        own = self._own_targets and link_owner == target_owner
        return link_owner in self._trusted or own


def real_paths(paths: Iterable[bytes], finder: Optional[Pathfinder] = None) -> list[bytes]:
    """Return PATHS without symbolic links; one that is missing as it is named; raises OSError."""
    finder, real = finder or Pathfinder(), []
    for path in paths:
        try:
            with finder.find(path) as place:
                real.append(place.path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            real.append(path)
    return real


def overlap(path: bytes, other: bytes) -> bool:
    """Tell whether one of two paths is the other or lies below it."""
    return is_beneath(path, other) or is_beneath(other, path)


def _top() -> Place:
    return Place(os.open(b"/", _FOLDER), b"/")


def _forbidden(path: bytes, why: str) -> OSError:
    return OSError(errno.ELOOP, f"{path.decode('utf-8', 'backslashreplace')}: {why}")
