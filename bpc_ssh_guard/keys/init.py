"""What bpc-ssh-keys stands on: its account, its folders, a configuration to fill in, the store.

All of it may be there already, and is left as it is then. Root makes only what lies in folders of
root's; the rest is made by the account itself.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Optional

from ..closed import Open, require_closed, trusted_accounts
from . import config as configuration
from .durable import FOLDER_MODE, write_new
from .files import group_of
from .owner import become
from .store import Store
from .template import TEMPLATE
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .config import Config

ACCOUNT: Final = "bpckeys"
CONFIG_MODE: Final = 0o640
OPEN_MODE: Final = 0o755  # of /etc/bpc-ssh-keys, through which BackupPC goes to its stanzas
OWN_MODE: Final = 0o700

_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_NOLOGIN: Final = "/usr/sbin/nologin"
_PATH: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True)
class Made:
    """One thing: `change` is new, changed or same; `command` is what made an account."""

    what: str
    change: str
    command: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {"what": self.what, "change": self.change, "command": self.command or None}


@dataclass(frozen=True)
class Folder:
    """A folder that is to be there; GROUP is a group's id, None for the owner's own."""

    path: Path
    mode: int
    group: Optional[int] = None


def init(path: str, account: str = ACCOUNT, dry_run: bool = False) -> list[Made]:
    """Make what is missing for the configuration at PATH; tell of all that it needs.

    DRY_RUN changes nothing. As root everything of the store becomes ACCOUNT's, and this process
    ends as that account; else it becomes the caller's own. Raises Trouble, StoreError, ConfigError.
    """
    config = _configuration(path)
    _require_account(account, config.reader)
    made = list(_accounts(account, config, dry_run)) if os.geteuid() == 0 else []
    owner = _entry(account) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    reader = _reader(config.reader, dry_run)
    with _told():
        made += [_folder(Folder(config.etc, OPEN_MODE), None, dry_run)]
        for folder in (config.stanzas, config.known_hosts, config.var):
            made.append(_folder(Folder(folder, FOLDER_MODE, reader), owner, dry_run))
        made.append(_template(Path(path), owner, dry_run))
        if not dry_run and owner is not None:
            become(owner)
        for own in (Folder(config.keys, FOLDER_MODE, reader),
                    Folder(config.var / "rotation", OWN_MODE), Folder(config.locks, OWN_MODE)):
            made.append(_folder(own, owner, dry_run))
        made.append(_store(config, dry_run))
    return made


def next_steps(config: str) -> list[str]:
    """Return what is left to do, in its order."""
    return [
        f"name the clients in {config}: bpc-ssh-keys.conf(5)",
        "bpc-ssh-keys enroll HOST, for each of them",
        "runuser -u bpckeys -- bpc-ssh-keys render, and its settings into BackupPC's config.pl",
        "bpc-ssh-keys doctor",
        "systemctl enable --now bpc-ssh-keys-rotate.timer",
    ]


def _configuration(path: str) -> Config:
    try:
        return configuration.load(path)
    except FileNotFoundError:
        return configuration.parse(path, b"")


def _require_account(account: str, reader: str) -> None:
    if not _NAME.fullmatch(account):
        raise Trouble(Word.FILES, f"{account!a} is no name of an account")
    if account == reader:
        raise Trouble(Word.FILES, f"{account} is who reads the keys; who may also replace them is"
                                  " to be another account")


def _accounts(account: str, config: Config, dry_run: bool) -> Iterator[Made]:
    """Make ACCOUNT, and let it give files to the group that reads the keys."""
    entry, reader = _entry(account), config.reader
    group_of(reader)  # that it is there is said first
    if entry is None:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir",
                   str(config.var), "--shell", _NOLOGIN,
                   *(["--groups", reader] if reader else []), account]
        yield _run(f"account {account}", "new", command, dry_run)
        return
    yield Made(f"account {account}", "same")
    if reader and grp.getgrnam(reader).gr_gid not in os.getgrouplist(account, entry.pw_gid):
        command = ["usermod", "--append", "--groups", reader, account]
        yield _run(f"account {account} in the group {reader}", "changed", command, dry_run)


def _run(what: str, change: str, command: Sequence[str], dry_run: bool) -> Made:
    made = Made(what, change, " ".join(command))
    if dry_run:
        return made
    try:
        done = subprocess.run(command, env=_PATH, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="backslashreplace", check=False)
    except OSError as error:
        raise Trouble(Word.FILES, f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise Trouble(Word.FILES, f"{made.command}: {' '.join(done.stderr.split())}")
    return made


def _entry(account: str) -> Optional[pwd.struct_passwd]:
    try:
        return pwd.getpwnam(account)
    except KeyError:
        return None


def _reader(name: str, dry_run: bool) -> Optional[int]:
    return grp.getgrnam(name).gr_gid if dry_run and name else group_of(name)


def _folder(folder: Folder, owner: Optional[pwd.struct_passwd], dry_run: bool) -> Made:
    """Make FOLDER and those above it, OWNER's; without one it is the caller's, left if there."""
    what = f"folder {folder.path}"
    try:
        status = os.lstat(folder.path)
    except FileNotFoundError:
        if not dry_run:
            _make(folder, owner)
        return Made(what, "new")
    if not stat.S_ISDIR(status.st_mode):
        raise Trouble(Word.FILES, f"{folder.path}: is no folder; move it away")
    if owner is None:
        return Made(what, "same")
    if status.st_uid != owner.pw_uid:
        raise Trouble(Word.FILES, f"{folder.path}: belongs to uid {status.st_uid}, not to"
                                  f" {owner.pw_name}; chown -R {owner.pw_name} {folder.path}")
    group = folder.group if folder.group is not None else status.st_gid
    if stat.S_IMODE(status.st_mode) == folder.mode and status.st_gid == group:
        return Made(what, "same")
    if not dry_run:
        _settle(folder, owner)
    return Made(what, "changed")


def _make(folder: Folder, owner: Optional[pwd.struct_passwd]) -> None:
    above = folder.path.parent
    if not above.is_dir():
        _make(Folder(above, OPEN_MODE), None)
    try:
        require_closed(str(above), trusted_accounts())
    except Open as problem:
        raise Trouble(Word.FILES, str(problem)) from None
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder.path, OWN_MODE)
    _settle(folder, owner)


def _settle(folder: Folder, owner: Optional[pwd.struct_passwd]) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(folder.path, flags)
    try:
        uid = -1 if owner is None else owner.pw_uid
        gid = -1 if owner is None else owner.pw_gid
        os.fchown(descriptor, uid, gid if folder.group is None else folder.group)
        os.fchmod(descriptor, folder.mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _template(path: Path, owner: Optional[pwd.struct_passwd], dry_run: bool) -> Made:
    """Write a configuration to fill in where there is none; what is there is never touched."""
    if os.path.lexists(path):
        return Made(f"file {path}", "same")
    if not dry_run:
        group = owner.pw_gid if owner is not None else None
        write_new(path, TEMPLATE.encode("ascii"), CONFIG_MODE, group)
    return Made(f"file {path}", "new")


def _store(config: Config, dry_run: bool) -> Made:
    made = Made(f"store {config.database}", "same" if config.database.exists() else "new")
    if not dry_run:
        Store(config.database).close()
    return made


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = "; run this as root" if isinstance(error, PermissionError) else ""
        raise Trouble(Word.FILES, f"{error.filename}: {error.strerror}{advice}") from None
