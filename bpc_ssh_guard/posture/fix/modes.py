"""Takes mode bits away from one object, and gives them back: never owner or group, never a tree."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

from ...backuppc.held import Held, held
from ...backuppc.refused import Refused
from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from pathlib import Path

    from ..repair import ModeRepair
    from ..site import Site
    from .journal import Journal

_STATOVERRIDE = "/var/lib/dpkg/statoverride"


@dataclass(frozen=True)
class ModeChange:
    """What was or will be done to one object."""

    path: str
    device: int
    inode: int
    old: int
    new: int
    changed: int = 0  # ctime of the file after the act, ns: a new file may get the same inode


def look(site: Site, repair: ModeRepair) -> Optional[ModeChange]:
    """Return what REPAIR would change now, None where nothing is left to do; raise Refused."""
    with held(site.disk.root, repair.path) as it:
        return _change(site, repair, it)


def apply(site: Site, repair: ModeRepair, journal: Journal) -> Optional[ModeChange]:
    """Note in JOURNAL what REPAIR changes, and change it; returns and raises as `look`."""
    with held(site.disk.root, repair.path) as it:
        change = _change(site, repair, it)
        if change is not None:
            journal.note_mode(change)
            it.change_mode(change.new)
            journal.note_mode(replace(change, changed=it.info.st_ctime_ns))
        return change


def undo(root: Path, change: ModeChange) -> None:
    """Give back what CHANGE took; raise Refused where the object isn't as CHANGE left it."""
    with held(root, change.path) as it:
        info = it.info
        if (info.st_dev, info.st_ino) != (change.device, change.inode):
            raise Refused(f"{change.path}: is another file by now")
        _require_plain(it)
        if it.mode == change.old:
            return  # noted, but never done: the program ended between
        if it.mode != change.new:
            raise Refused(f"{change.path}: has mode {it.mode:04o} by now, not {change.new:04o}")
        # A folder's time changes with every file in it.
        if change.changed not in (0, info.st_ctime_ns) and stat.S_ISREG(info.st_mode):
            raise Refused(f"{change.path}: was changed since; chmod {change.old:04o} by hand")
        it.change_mode(change.old)


def _change(site: Site, repair: ModeRepair, it: Held) -> Optional[ModeChange]:
    _require_plain(it)
    _require_place(site, repair.path, it)
    _require_owner(site, it)
    info = it.info
    old, new = it.mode, it.mode & repair.mask
    if old == new:
        return None
    _require_no_override(site, repair.path, new)
    return ModeChange(repair.path, info.st_dev, info.st_ino, old, new)


def _require_plain(it: Held) -> None:
    info = it.info
    if stat.S_ISDIR(info.st_mode):
        return
    if not stat.S_ISREG(info.st_mode):
        raise Refused(f"{it.path}: neither a regular file nor a folder")
    if info.st_nlink != 1:
        raise Refused(f"{it.path}: has {info.st_nlink} names (hard links); find the others first")


def _require_owner(site: Site, it: Held) -> None:
    """Refuse an object that may have been planted: as a link it may have lost its other name since.

    Who can rename in a folder can only offer what is his own.
    """
    superuser, folder, uid = site.disk.superuser, it.folder, it.info.st_uid
    expected = (superuser, site.uid()) if folder.st_uid == superuser else (folder.st_uid,)
    if uid not in expected or folder.st_uid not in (superuser, site.uid()):
        raise Refused(f"{it.path}: belongs to {site.accounts.user_name(uid)}, in a folder of"
                      f" {site.accounts.user_name(folder.st_uid)}")
    writable = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if writable and not folder.st_mode & stat.S_ISVTX:
        raise Refused(f"{it.path}: others can write to its folder; close that one first")


def _require_place(site: Site, path: str, it: Held) -> None:
    """Refuse what lies in the pool: its mode bits mean something, 0445 a pending delete."""
    try:
        top, conf = site.settings.folder("TopDir"), site.settings.folder("ConfDir")
    except Undecided as undecided:
        raise Refused(f"{path}: where the pool lies can't be told: {undecided}") from None
    if not _below(path, top) or (_below(path, conf) and not _below(top, conf)):
        return
    names = path[len(top):].strip("/").split("/")
    is_first = len(names) == 1 and stat.S_ISDIR(it.info.st_mode)
    is_key = names[0] == ".ssh" and len(names) <= 2
    is_host_file = len(names) == 3 and names[0] == "pc" and names[2] == "config.pl"
    if not (is_first or is_key or is_host_file):
        raise Refused(f"{path}: lies below {top}, whose mode bits belong to the pool")


def _below(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder


def _require_no_override(site: Site, path: str, new: int) -> None:
    try:
        lines = site.disk.read(_STATOVERRIDE).decode("utf-8", "surrogateescape").splitlines()
    except (FileNotFoundError, Undecided):
        return
    for line in lines:
        fields = line.split(" ", 3)
        # The file has the mode without leading zeros, and admins who edit it may have them.
        if len(fields) == 4 and fields[3] == path and fields[2].lstrip("0") != f"{new:o}":
            raise Refused(f"{path}: dpkg-statoverride keeps mode {fields[2]} there; if that is no"
                          f" longer wanted, dpkg-statoverride --remove {path}, and again")
