"""Edits a setting of a configuration file that was read whole, and takes the edit back."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING, Optional

from ...backuppc.content import Exchange, exchange
from ...backuppc.editing import edited
from ...backuppc.perl.writing import literal
from ...backuppc.refused import Refused
from ...backuppc.reload import reload as tell_daemon
from ...backuppc.undecided import Undecided
from ..repair import ConfigRepair, Generated
from .journal import copied

if TYPE_CHECKING:
    from ...backuppc.settings import ConfigFile
    from ..site import Site
    from .journal import ContentChange, Journal

SECRET_BYTES = 32  # 43 characters: more than a captured exchange lets anyone guess


def statement(repair: ConfigRepair) -> str:
    """Return the line that REPAIR would write, for a person to read or type."""
    left = "$Conf" + "".join(f"{{{key}}}" for key in repair.key)
    if isinstance(repair.value, Generated):
        return f"{left} = '...';  # {repair.value.value}"
    return f"{left} = {literal(repair.value, flat=True)};"


def look(site: Site, repair: ConfigRepair) -> Optional[str]:
    """Return in words what REPAIR would change, None where that is so already.

    Raise Refused or Undecided with the line to type where the file can't be edited.
    """
    file = _file(site, repair)
    if _stands(site, repair):
        return None
    data = site.disk.read(file.path)
    if isinstance(repair.value, Generated):
        edited(file.path, data, site.settings.beneath(file), repair.key, "x")
    else:
        edited(file.path, data, site.settings.beneath(file), repair.key, repair.value)
    return f"{file.path}: {statement(repair)}"


def apply(site: Site, repair: ConfigRepair, journal: Journal) -> None:
    """Note it in JOURNAL and do it; raise as `look`."""
    file = _file(site, repair)
    value = (secrets.token_urlsafe(SECRET_BYTES) if isinstance(repair.value, Generated)
             else repair.value)
    data = site.disk.read(file.path)
    after = edited(file.path, data, site.settings.beneath(file), repair.key, value)
    info = site.disk.lstat(file.path)
    if info is None or not stat.S_ISREG(info.st_mode) or info.st_uid != site.uid():
        raise Refused(f"{file.path}: no regular file of {site.user}'s")
    wanted = Exchange(file.path, data, after, stat.S_IMODE(info.st_mode), info.st_uid,
                      info.st_gid, site.disk.real(site.layout.conf_dir))
    journal.note_content(file.path, data, after, (wanted.mode, wanted.uid, wanted.gid))
    exchange(site.disk.root, wanted)


def undo(site: Site, change: ContentChange, journal: str) -> None:
    """Give CHANGE's file back what it held; raise Refused where it was changed since."""
    before = None if change.before is None else copied(journal, change.before)
    after = copied(journal, change.after)
    try:
        now: Optional[bytes] = site.disk.read(change.path)
    except FileNotFoundError:
        now = None
    except Undecided as undecided:
        raise Refused(str(undecided)) from None
    if now == before:
        return  # noted, but never done: the program ended between
    info = site.disk.lstat(change.path)
    if info is None or now != after:
        raise Refused(f"{change.path}: was changed since; {journal} holds what it was")
    if stat.S_IMODE(info.st_mode) != change.mode:
        raise Refused(f"{change.path}: has another mode by now; {journal} holds what it was")
    locked = None if change.uid == site.disk.superuser else site.disk.real(site.layout.conf_dir)
    exchange(site.disk.root, Exchange(change.path, after, before, change.mode, change.uid,
                                      change.gid, locked))


def reload(site: Site) -> str:
    """Let the daemon read its configuration anew, as its own account; return what went wrong."""
    if os.path.realpath(site.disk.root) != "/":
        return "the server below --root was not told to reload"
    try:
        account = site.accounts.user(site.user)
        install_dir = site.settings.folder("InstallDir")
    except Undecided as undecided:
        return str(undecided)
    if account is None:
        return "BackupPC's account is not in /etc/passwd"
    return tell_daemon(install_dir, account.uid, account.gid)


def _file(site: Site, repair: ConfigRepair) -> ConfigFile:
    """Return the file to edit; raise Undecided or Refused with the line to type."""
    for file in site.settings.files():
        if file.path.endswith("/localconfig.pl") and repair.key[0] in file.keys:
            raise Refused(f"{file.path}: sets it too, over {site.layout.config}; edit by hand")
    path = site.layout.config
    for file in site.settings.files():
        if file.host == repair.host and (repair.host is not None or file.path == path):
            if file.trouble is not None:
                line = f":{file.trouble.line}" if file.trouble.line else ""
                raise Refused(f"{file.path}{line}: {file.trouble.reason}; type it yourself:"
                              f" {statement(repair)}")
            return file
    raise Refused(f"{repair.host}: has no configuration file of its own")


def _stands(site: Site, repair: ConfigRepair) -> bool:
    if isinstance(repair.value, Generated):
        return False
    try:
        value = site.setting(repair.key[0], repair.host)
    except Undecided:
        return False
    for key in repair.key[1:]:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return value == repair.value and site.settings.is_set(repair.key[0], repair.host)
