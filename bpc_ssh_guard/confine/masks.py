"""Masks: what `Never` names is covered by an empty folder or file before the program starts.

A mask is a bind mount in the private view of the mounts: whatever way leads to the path, it ends at
something empty. What it covers stays as it is on the host.
"""

from __future__ import annotations

import errno
import os

from ..command.paths import is_beneath
from . import kernel
from .namespaces import (
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    mount,
)
from .places import Pathfinder, Place, overlap
from .remount import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

WILDCARD: Final = b"*"

# Errors of a path, as opposed to those of this process or of a disk: there is nothing to mask.
_NOT_THERE: Final = (
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENAMETOOLONG, errno.ENOTCONN,
)

# The same in every run: a server sees no change where there is none.
_WHEN: Final = 946_684_800  # 2000-01-01
_SEALED: Final = MS_NOSUID | MS_NODEV | MS_NOEXEC
_SIZE: Final = b"size=4k,nr_inodes=8,mode=755"


def find(patterns: Iterable[bytes], tops: Sequence[bytes]) -> list[bytes]:
    """Return the paths to be masked now: what PATTERNS name in, at or around TOPS, sorted.

    `*` stands for any bytes of one component, a leading dot included. A symbolic link is not masked
    but what it leads to, unless the link belongs to somebody who has no right to that. A path
    below another one is left out. What this account may not look at is not hidden from it either.
    """
    found = {path for pattern in patterns for path in _expand(pattern)}
    chosen: list[bytes] = []
    for path in sorted(found, key=lambda path: path.split(b"/")):
        covered = bool(chosen) and is_beneath(path, chosen[-1])
        if not covered and any(overlap(path, top) for top in tops):
            chosen.append(path)
    return chosen


def find_proc(tops: Sequence[bytes]) -> list[bytes]:
    """Return the mounts of proc in TOPS, doors to what other processes see.

    /proc itself is the last: masks are made with its help.
    """
    inside = [each.path for each in mounts() if each.kind == b"proc"]
    inside = [path for path in inside if any(is_beneath(path, top) for top in tops)]
    return sorted(set(inside), key=lambda path: path == b"/proc")


def is_reachable(path: bytes) -> bool:
    """Tell whether this account can look into PATH at all."""
    return any(os.access(path, mode, effective_ids=True) for mode in (os.R_OK, os.X_OK))


def cover(paths: Sequence[bytes]) -> None:
    """Cover each of PATHS by something empty and read-only; raises OSError.

    In a private view of the mounts only, after it became read-only.
    """
    if not paths:
        return
    stage = staging(paths)
    mount(b"bpc-ssh-guard", stage, b"tmpfs", _SEALED, _SIZE)
    folder, file = stage + b"/d", stage + b"/f"
    _make(folder, file)
    # The file system itself becomes read-only: no bind mount of it can be made writable again.
    mount(b"bpc-ssh-guard", stage, None, MS_REMOUNT | MS_RDONLY | _SEALED, _SIZE)
    device = os.lstat(folder).st_dev
    finder = Pathfinder()
    covered = []
    for path in paths:
        try:
            place = finder.find(path)
        except OSError as error:
            if error.errno in _NOT_THERE:
                continue  # moved away since it was found: what a mask can't follow at any time
            raise
        with place:
            source = folder if place.is_folder() else file
            mount(source, b"/proc/self/fd/%d" % place.descriptor, None, MS_BIND)
        covered.append(path)
    kernel.call("umount2", stage, MNT_DETACH)
    for path in covered:
        if os.lstat(path).st_dev != device:
            shown = path.decode("utf-8", "backslashreplace")
            raise OSError(errno.EBUSY, f"mask of {shown}: something else is there")


def staging(avoid: Iterable[bytes]) -> bytes:
    """Return a folder to mount over for a moment: neither in nor around the paths AVOID.

    It need not be empty, only exist: the view is read-only and private.
    """
    paths = list(avoid)
    own = os.path.dirname(os.fsencode(__file__))
    for folder in (own, b"/mnt", b"/media", b"/srv", b"/opt", b"/run", b"/tmp"):
        near = any(overlap(path, folder) for path in paths)
        if not near and folder == os.path.realpath(folder) and os.path.isdir(folder):
            return folder
    raise OSError(errno.ENOENT, "no folder is left to prepare the masks in")


def _make(folder: bytes, file: bytes) -> None:
    os.mkdir(folder)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
    for path, mode in ((folder, 0o555), (file, 0o444)):
        os.chmod(path, mode)
        os.utime(path, (_WHEN, _WHEN))


def _expand(pattern: bytes) -> Iterator[bytes]:
    """Yield the real path of each existing match of PATTERN."""
    names = [name for name in pattern.split(b"/") if name]
    finder = Pathfinder(own_targets=True)
    with finder.find(b"/") as top:
        yield from _match(finder, top, names)


def _match(finder: Pathfinder, place: Place, names: Sequence[bytes]) -> Iterator[bytes]:
    if not names:
        yield place.path
        return
    for name in _alternatives(place, names[0]):
        try:
            below = finder.enter(place, name)
        except OSError as error:
            if error.errno in _NOT_THERE:
                continue
            raise
        with below:
            yield from _match(finder, below, names[1:])


def _alternatives(folder: Place, pattern: bytes) -> Iterable[bytes]:
    if WILDCARD not in pattern:
        return (pattern,)
    try:
        return [name for name in folder.names() if fits(name, pattern)]
    except OSError as error:
        if error.errno in _NOT_THERE:
            return ()
        raise


def fits(name: bytes, pattern: bytes) -> bool:
    """Tell whether NAME is PATTERN with any bytes in place of each `*`."""
    first, *rest = pattern.split(WILDCARD)
    if not rest:
        return name == pattern
    *middle, last = rest
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        at = name.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
