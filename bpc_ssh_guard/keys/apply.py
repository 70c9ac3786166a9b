"""The settings of `render` put into BackupPC's config.pl: shown first, under BackupPC's lock.

The file is changed as its own account, whole or not at all, and only where it was read as plain
data completely; what stood there before stays beside it.
"""

from __future__ import annotations

import difflib
import os
import pwd
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Optional

from ..backuppc.content import Exchange, exchange
from ..backuppc.disk import Disk
from ..backuppc.editing import edited
from ..backuppc.layout import LAYOUTS, NoBackupPC, find_layout
from ..backuppc.refused import Refused
from ..backuppc.reload import reload
from ..backuppc.settings import Settings
from ..backuppc.undecided import Undecided
from .render import values
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..backuppc.layout import Layout
    from ..backuppc.perl.values import Value
    from ..backuppc.settings import ConfigFile
    from .config import Config

_ROOT: Final = Path("/")
_NAME: Final = "config.pl"
_KEPT: Final = ".before-keys"  # behind the name of what was replaced
_BY_HAND: Final = "type the lines that bpc-ssh-keys render shows"
# What an XferMethod logs in by; the others use no ssh.
_LOGIN: Final = {"rsync": "RsyncSshArgs", "tar": "TarClientCmd"}
_SHOWN: Final = 5
_MOST_KEPT: Final = 100  # of those; more are no accident


@dataclass(frozen=True)
class Change:
    """What config.pl at PATH holds and shall hold; `overriding` are hosts' files that set more."""

    path: str
    before: bytes
    after: bytes
    overriding: tuple[str, ...]
    install_dir: str

    @property
    def is_due(self) -> bool:
        """Tell whether anything changes."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change as a unified diff, with escapes for what is no ASCII."""
        old, new = (text.decode("ascii", "backslashreplace").splitlines(keepends=True)
                    for text in (self.before, self.after))
        return "".join(difflib.unified_diff(old, new, self.path, f"{self.path} (new)"))


def plan(config: Config, path: Optional[str] = None) -> Change:
    """Return what the settings of CONFIG change in BackupPC's config.pl, that at PATH if given.

    Raise Trouble where it can't be changed, with what to do.
    """
    disk, wanted = Disk(_ROOT), values(config)
    try:
        layout = _layout(disk, path)
        settings = Settings.read(disk, layout)
        file = _file(settings, layout, wanted)
        _require_all_served(config, settings)
        before = after = disk.read(layout.config)
        for keys, value in wanted:
            if not _stands(settings, keys, value):
                after = edited(layout.config, after, settings.beneath(file), keys, value)
        install_dir = settings.folder("InstallDir")
    except Undecided as error:
        line = f":{error.line}" if error.line else ""
        raise Trouble(Word.FILES, f"{error.subject}{line}: {error.reason}; {_BY_HAND}") from None
    except (NoBackupPC, Refused) as error:
        raise Trouble(Word.FILES, f"{error}; {_BY_HAND}") from None
    except OSError as error:
        raise Trouble(Word.FILES, f"{error.filename}: {error.strerror}; run this as root"
                      ) from None
    return Change(layout.config, before, after, tuple(_overriding(settings, wanted)), install_dir)


def apply(change: Change) -> str:
    """Make CHANGE, keep what was there, and return the kept file's name; raise Trouble."""
    folder = os.path.dirname(change.path)
    info = os.lstat(change.path)
    new = Exchange(change.path, change.before, change.after, stat.S_IMODE(info.st_mode),
                   info.st_uid, info.st_gid, folder)
    kept = _free(change.path)
    try:
        exchange(_ROOT, replace(new, path=kept, before=None, after=change.before, mode=0o600))
        exchange(_ROOT, new)
    except Refused as error:
        raise Trouble(Word.FILES, f"{error}; run this as root, or as BackupPC's account"
                      ) from None
    return kept


def tell(change: Change) -> str:
    """Let a running BackupPC read CHANGE, as the account of the file; return what went wrong."""
    uid = os.lstat(change.path).st_uid
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        return f"{change.path}: belongs to uid {uid}, which is no account"
    return reload(change.install_dir, uid, gid)


def _layout(disk: Disk, path: Optional[str]) -> Layout:
    if path is None:
        return find_layout(disk)
    if os.path.basename(path) != _NAME:
        raise Refused(f"{path}: not the path of a {_NAME}")
    return replace(LAYOUTS[0], conf_dir=os.path.dirname(os.path.abspath(path)))


def _file(
    settings: Settings, layout: Layout, wanted: list[tuple[tuple[str, ...], Value]]
) -> ConfigFile:
    """Return config.pl; raise Refused or Undecided where it isn't the one that counts."""
    names = {keys[0] for keys, _ in wanted}
    found = None
    for file in settings.files():
        if file.path == layout.config:
            found = file
        elif file.host is None and names & set(file.keys):
            raise Refused(f"{file.path}: sets {', '.join(sorted(names & set(file.keys)))} over"
                          f" {layout.config}")
    if found is None:
        raise Refused(f"{layout.config}: missing")
    if found.trouble is not None:
        raise found.trouble
    return found


def _require_all_served(config: Config, settings: Settings) -> None:
    """Refuse where a host would be backed up no more: without a file of ours or own settings."""
    if settings.hosts_trouble is not None:
        raise settings.hosts_trouble
    left = [host.name for host in settings.hosts
            if host.name not in config.hosts and _uses_ours(settings, host.name)]
    if left:
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        raise Refused(f"{', '.join(left[:_SHOWN])}{more}: BackupPC has them and {config.path} not,"
                      " so that their backups would stop; bpc-ssh-keys enroll them first")


def _uses_ours(settings: Settings, host: str) -> bool:
    """Tell whether HOST would log in by the settings of the server; unknown counts as yes."""
    needed = _LOGIN.get(str(settings.value("XferMethod", host)))
    return needed is not None and needed not in settings.host_settings(host)


def _stands(settings: Settings, keys: tuple[str, ...], wanted: Value) -> bool:
    try:
        value = settings.value(keys[0])
    except Undecided:
        return False
    for key in keys[1:]:
        value = value.get(key, "") if isinstance(value, dict) else ""
    return value == wanted


def _overriding(
    settings: Settings, wanted: list[tuple[tuple[str, ...], Value]]
) -> Iterator[str]:
    """Yield what hosts' own files say instead, or that they can't be read."""
    names = {keys[0] for keys, _ in wanted}
    for file in settings.files():
        if file.host is not None and file.trouble is not None:
            yield f"{file.trouble}; whether it sets them too can't be told"
        elif file.host is not None and names & {*file.keys, *file.unknown}:
            told = ", ".join(sorted(names & {*file.keys, *file.unknown}))
            yield f"{file.path}: sets {told} for {file.host} instead; take it out there"


def _free(path: str) -> str:
    for number in range(1, _MOST_KEPT + 1):
        name = f"{path}{_KEPT}" + (f".{number}" if number > 1 else "")
        if not os.path.lexists(name):
            return name
    raise Trouble(Word.FILES, f"{path}{_KEPT}.*: {_MOST_KEPT} of them; remove what is old")
