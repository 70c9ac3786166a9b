"""The jail: a root of its own that holds the program's needs and the roots, and nothing else.

For kernels without Landlock, or with its first version, which forbids hard links between folders.
"""

from __future__ import annotations

import errno
import os

from ..command.paths import is_beneath
from . import kernel, support
from .masks import staging
from .namespaces import (
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    mount,
)
from .places import real_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final, Optional

    from .places import Pathfinder, Place

_SIZE: Final = b"size=64k,mode=755"


def enter(program: bytes, roots: Sequence[bytes], finder: Pathfinder) -> None:
    """Leave everything behind but PROGRAM with its needs, and ROOTS with what is mounted below.

    In a private view of the mounts only, after it became read-only and was masked: each part stays
    as it is there. With "/" among ROOTS there is nothing to leave behind.
    """
    if b"/" in roots:
        return
    stage = staging(real_paths(roots, finder))
    parts = _parts(finder, program, roots)  # held open: the stage may cover one of them
    mount(b"bpc-ssh-guard", stage, b"tmpfs", MS_NOSUID | MS_NODEV, _SIZE)
    before = os.umask(0o022)
    for place in parts:
        with place:
            _put(place, stage)
    inside = [place.path for place in parts]
    for path, target in finder.followed.items():
        if not any(is_beneath(path, part) for part in inside):
            os.makedirs(stage + os.path.dirname(path), exist_ok=True)
            os.symlink(target, stage + path)
    os.umask(before)
    mount(b"bpc-ssh-guard", stage, None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, _SIZE)
    os.chdir(stage)
    kernel.call("pivot_root", b".", b".")
    kernel.call("umount2", b".", MNT_DETACH)  # the old root, which lies on the new one
    os.chdir(b"/")


def _parts(finder: Pathfinder, program: bytes, roots: Sequence[bytes]) -> list[Place]:
    """Return what goes into the jail, none below another one; raises OSError for an unsafe root."""
    found = [_find(finder, path, safe=False) for path in _system(program)]
    found += [_find(finder, path, safe=True) for path in roots]
    parts: list[Place] = []
    for place in sorted(filter(None, found), key=lambda place: place.path.split(b"/")):
        if parts and is_beneath(place.path, parts[-1].path):
            os.close(place.descriptor)
        else:
            parts.append(place)
    return parts


def _system(program: bytes) -> Iterator[bytes]:
    yield from support.programs(program)
    yield from support.readable()
    yield support.NULL


def _find(finder: Pathfinder, path: bytes, safe: bool) -> Optional[Place]:
    try:
        return finder.find(path)
    except OSError as error:
        if safe and error.errno == errno.ELOOP:
            raise
        return None


def _put(place: Place, stage: bytes) -> None:
    """Make PLACE appear below STAGE at its own path."""
    target = stage + place.path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if place.is_folder():
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
    mount(b"/proc/self/fd/%d" % place.descriptor, target, None, MS_BIND | MS_REC)
