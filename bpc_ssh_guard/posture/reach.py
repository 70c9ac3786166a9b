"""Who can reach a file: a walk over all its ancestors, as the kernel would for another account."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ..backuppc.undecided import Undecided

if TYPE_CHECKING:
    from ..backuppc.disk import Disk, Step


@dataclass(frozen=True)
class Reach:
    """Whether others reach an object, and the first name that stops them or lets them."""

    is_open: bool
    why: str


def mode_of(step: Step) -> str:
    """Return how a report names STEP: path and mode."""
    return f"{step.path} {stat.S_IMODE(step.info.st_mode):04o}"


def others_read(disk: Disk, path: str) -> Reach:
    """Return whether an account without rights can read PATH (a folder: list it).

    Raise FileNotFoundError, and Undecided where an ACL may say other than the mode.
    """
    return _others(disk, path, stat.S_IROTH)


def others_enter(disk: Disk, path: str) -> Reach:
    """Return whether an account without rights can go through the folder PATH; as above."""
    return _others(disk, path, stat.S_IXOTH)


def _others(disk: Disk, path: str, wanted: int) -> Reach:
    steps = disk.steps(path)
    for step in steps[:-1]:
        if stat.S_ISLNK(step.info.st_mode):
            continue
        _require_plain(disk, step)
        if not step.info.st_mode & stat.S_IXOTH:
            return Reach(False, f"closed by {mode_of(step)}")
    last = steps[-1]
    _require_plain(disk, last)
    if not last.info.st_mode & wanted:
        return Reach(False, f"closed by {mode_of(last)}")
    return Reach(True, f"open to others: {mode_of(last)}")


def writable(disk: Disk, path: str, trusted: frozenset[int]) -> Optional[str]:
    """Return what on the way to PATH can be changed by group, others or a foreign owner.

    A sticky folder on the way is no fault: others can't replace in it what isn't theirs. None
    where all is closed. Raise as `others_read`.
    """
    steps = disk.steps(path)
    for number, step in enumerate(steps):
        info = step.info
        if info.st_uid not in trusted:
            return f"{mode_of(step)} belongs to uid {info.st_uid}"
        if stat.S_ISLNK(info.st_mode):
            continue
        _require_plain(disk, step)
        on_the_way = number < len(steps) - 1
        if on_the_way and info.st_mode & stat.S_ISVTX:
            continue
        if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{mode_of(step)} is writable by group or others"
    return None


def _require_plain(disk: Disk, step: Step) -> None:
    if disk.has_acl(step.path):
        raise Undecided(step.path, "has a POSIX ACL, which the mode doesn't tell")
