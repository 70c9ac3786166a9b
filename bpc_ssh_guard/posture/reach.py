"""Who can reach a file: a walk over all its ancestors, as the kernel would for another account."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ..backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..backuppc.disk import Disk, Step

# include/uapi/linux/posix_acl_xattr.h and posix_acl.h
_VERSION: Final = 2
_ENTRY: Final = struct.Struct("<HHI")
_USER, _GROUP_OBJ, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_READ, _WRITE, _ENTER = 4, 2, 1
_ALL: Final = 7


@dataclass(frozen=True)
class Reach:
    """Whether others reach an object, and the first name that stops them or lets them."""

    is_open: bool
    why: str


@dataclass(frozen=True)
class Fault:
    """PATH can be changed by somebody; BY_MODE: its mode says so, and not its owner or an ACL."""

    path: str
    why: str
    by_mode: bool


@dataclass(frozen=True)
class _Grant:
    """What an ACL gives beyond the mode: to a user, or to a group (the file's own included)."""

    is_user: bool
    number: int
    rights: int

    def __str__(self) -> str:
        return f"{'uid' if self.is_user else 'gid'} {self.number}"


def mode_of(step: Step) -> str:
    """Return how a report names STEP: path and mode."""
    return f"{step.path} {stat.S_IMODE(step.info.st_mode):04o}"


def others_read(disk: Disk, path: str) -> Reach:
    """Return whether an account without rights can read PATH (a folder: list it).

    Raise FileNotFoundError, and Undecided where an ACL lets in an account by its name.
    """
    return _others(disk, path, _READ)


def others_enter(disk: Disk, path: str) -> Reach:
    """Return whether an account without rights can go through the folder PATH; as above."""
    return _others(disk, path, _ENTER)


def others_write(disk: Disk, path: str) -> Reach:
    """Return whether an account without rights can write to PATH; as above."""
    return _others(disk, path, _WRITE)


def _others(disk: Disk, path: str, wanted: int) -> Reach:
    steps = [step for step in disk.steps(path) if not stat.S_ISLNK(step.info.st_mode)]
    by_name: Optional[str] = None
    for step in steps:
        last = step is steps[-1]
        needed = wanted if last else _ENTER
        named = next((each for each in _grants(disk, step)
                      if each.rights & needed == needed and not _is_own_group(each, step)), None)
        if not step.info.st_mode & needed and named is None:
            return Reach(False, f"closed by {mode_of(step)}")
        if not step.info.st_mode & needed:
            by_name = f"the ACL of {step.path} lets {named} in; whether it should, a person knows"
    if by_name is not None:
        raise Undecided(path, by_name)
    return Reach(True, f"open to others: {mode_of(steps[-1])}")


def writable(disk: Disk, path: str, trusted: frozenset[int]) -> Optional[str]:
    """Return what on the way to PATH can be changed by others than TRUSTED; see `weakest`."""
    fault = weakest(disk, path, trusted)
    return fault.why if fault else None


def weakest(disk: Disk, path: str, trusted: frozenset[int]) -> Optional[Fault]:
    """Return what on the way to PATH can be changed by group, others or a foreign owner.

    A sticky folder on the way is no fault: others can't replace in it what isn't theirs. None
    where all is closed. Raise FileNotFoundError, and Undecided where an ACL isn't understood.
    """
    steps = disk.steps(path)
    for step in steps:
        info = step.info
        if info.st_uid not in trusted:
            return Fault(step.path, f"{mode_of(step)} belongs to uid {info.st_uid}", False)
        if stat.S_ISLNK(info.st_mode):
            continue
        if step is not steps[-1] and info.st_mode & stat.S_ISVTX:
            continue
        writer = _written_by(disk, step, trusted)
        if writer is not None:
            by_mode = not disk.acl(step.path)
            return Fault(step.path, f"{mode_of(step)} is writable by {writer}", by_mode)
    return None


def _written_by(disk: Disk, step: Step, trusted: frozenset[int]) -> Optional[str]:
    """Return who but TRUSTED may write to STEP. With an ACL the mode's group bits are its mask."""
    grants = list(_grants(disk, step))
    for grant in grants:
        if grant.rights & _WRITE and not (grant.is_user and grant.number in trusted):
            return "group" if _is_own_group(grant, step) else f"{grant} (ACL)"
    if step.info.st_mode & stat.S_IWOTH:
        return "others"
    if not grants and step.info.st_mode & stat.S_IWGRP:
        return "group"
    return None


def _is_own_group(grant: _Grant, step: Step) -> bool:
    return not grant.is_user and grant.number == step.info.st_gid


def _grants(disk: Disk, step: Step) -> Iterator[_Grant]:
    """Yield what the ACL of STEP gives to users and groups; nothing where the mode says all."""
    raw = disk.acl(step.path)
    if not raw:
        return
    if len(raw) % _ENTRY.size != 4 or raw[:4] != struct.pack("<I", _VERSION):
        raise Undecided(step.path, "has an ACL in a form that isn't known")
    entries = list(_ENTRY.iter_unpack(raw[4:]))
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), _ALL)
    for tag, rights, number in entries:
        if tag in (_USER, _GROUP):
            yield _Grant(tag == _USER, number, rights & mask)
        elif tag == _GROUP_OBJ:
            yield _Grant(False, step.info.st_gid, rights & mask)
