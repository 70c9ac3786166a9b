"""The account that the guard runs as: its sshd, its login shell, and who can change its files."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...closed import Open, require_closed
from .finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SSHD_PATH: Final = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"
_SSHD_SECONDS: Final = 10
_DEFAULT_KEYS_FILES: Final = ".ssh/authorized_keys .ssh/authorized_keys2"  # sshd_config(5)

# What a shell reads from the home even when sshd runs it with -c. Others, dash above all, read
# nothing then. For bash see SSH_SOURCE_BASHRC in its sources, which Debian and others set.
_STARTUP_FILES: Final = {
    "bash": (".bashrc",),
    "rbash": (".bashrc",),
    "zsh": (".zshenv",),
    "csh": (".cshrc",),
    "tcsh": (".tcshrc", ".cshrc"),
    "fish": (".config/fish/config.fish", ".config/fish/conf.d"),
}
_NO_SHELLS: Final = ("nologin", "false", "true", "sync")


@dataclass(frozen=True)
class Account:
    """An entry of the user database."""

    name: str
    uid: int
    home: str
    shell: str

    @classmethod
    def current(cls) -> Account:
        """Return the account that runs this."""
        entry = pwd.getpwuid(os.geteuid())
        return cls(entry.pw_name, entry.pw_uid, entry.pw_dir, entry.pw_shell or "/bin/sh")

    @property
    def trusted(self) -> frozenset[int]:
        """The owners whose files may decide what runs as this account."""
        return frozenset({0, self.uid})


def check_shell(account: Account) -> Iterator[Finding]:
    """Yield whether the login shell, which runs the forced command, runs something else first."""
    name = os.path.basename(account.shell)
    if name in _NO_SHELLS:
        yield Finding(Severity.ERROR, account.shell,
                      f"as the login shell of {account.name} it runs no forced command",
                      f"chsh -s /bin/sh {account.name}")
    for file in _STARTUP_FILES.get(name, ()):
        path = os.path.join(account.home, file)
        try:
            require_closed(path, frozenset({0}))
        except Open as problem:
            place = str(problem).partition(": ")[0]
            yield Finding(Severity.WARNING, place,
                          f"others than root can change it, and {name}, the login shell of"
                          f" {account.name}, reads {path} before the guard",
                          f"chsh -s /bin/sh {account.name}, or let home and file belong to root")


def sshd_settings(account: Account, config: Optional[str]) -> dict[str, str]:
    """Return what sshd says of its settings for ACCOUNT, by keyword; nothing if it can't."""
    sshd = shutil.which("sshd", path=_SSHD_PATH)
    if sshd is None:
        return {}
    options = ("-f", config) if config else ()
    try:
        done = subprocess.run(
            [sshd, "-T", *options, "-C", f"user={account.name},host=localhost,addr=127.0.0.1"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SSHD_SECONDS, check=False,
            text=True, errors="backslashreplace", env={"LC_ALL": "C"}, cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if done.returncode:
        return {}
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def keys_files(account: Account, settings: Mapping[str, str]) -> list[str]:
    """Return the paths where sshd looks for keys of ACCOUNT, in its order."""
    names = settings.get("authorizedkeysfile", _DEFAULT_KEYS_FILES).split()
    return [os.path.join(account.home, _expand(name, account)) for name in names if name != "none"]


def _expand(name: str, account: Account) -> str:
    """Return NAME with the tokens of sshd_config(5) replaced."""
    tokens = {"%": "%", "h": account.home, "u": account.name, "U": str(account.uid)}
    return re.sub("%(.)", lambda found: tokens.get(found[1], found[0]), name)


def check_settings(account: Account, settings: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what sshd's settings for ACCOUNT do to its keys."""
    place = "sshd_config"
    if not settings:
        yield Finding(Severity.NOTE, place, "sshd -T doesn't tell its settings; its defaults are"
                      " assumed", "run this as root")
    if settings.get("pubkeyauthentication") == "no":
        yield Finding(Severity.ERROR, place, "no key can log in", "say PubkeyAuthentication yes")
    if settings.get("permitrootlogin") == "no" and account.uid == 0:
        yield Finding(Severity.ERROR, place, "root can't log in, so the guard is never called",
                      "say PermitRootLogin forced-commands-only")
    if settings.get("permituserenvironment", "no") != "no":
        yield Finding(Severity.WARNING, place, "PermitUserEnvironment lets ~/.ssh/environment and"
                      " environment= change what runs before the guard",
                      "say PermitUserEnvironment no")
    if settings.get("strictmodes") == "no":
        yield Finding(Severity.WARNING, place, "sshd takes keys from files that others may write",
                      "say StrictModes yes")
    if settings.get("authorizedkeyscommand", "none") != "none":
        yield Finding(Severity.NOTE, place,
                      f"keys come from {settings['authorizedkeyscommand']} too, not checked here",
                      "see that none of them is a key of the guard")


def check_modes(path: str, account: Account) -> Iterator[Finding]:
    """Yield what sshd's StrictModes has against the keys file PATH and the folders above it."""
    real = os.path.realpath(path)
    home = os.path.realpath(account.home)
    if real != os.path.abspath(path):
        yield Finding(Severity.NOTE, path, f"leads to {real}, where `authorize` won't follow",
                      f"name {real} to it")
    entry = real
    while True:
        yield from _check_mode(entry, os.stat(entry), account)
        if entry in (home, "/"):  # sshd looks no further (misc.c, safe_path)
            return
        entry = os.path.dirname(entry)


def _check_mode(entry: str, status: os.stat_result, account: Account) -> Iterator[Finding]:
    if status.st_uid not in account.trusted:
        yield Finding(Severity.ERROR, entry, f"belongs to uid {status.st_uid}, so sshd takes no key"
                      f" of {account.name}", f"chown {account.name} {entry}")
    if status.st_mode & stat.S_IWOTH:
        shared = status.st_mode & stat.S_ISVTX  # such as /tmp, which must stay as it is
        advice = "keep the keys in another folder" if shared else \
            f"look through the keys, then chmod go-w {entry}"
        yield Finding(Severity.ERROR, entry, "is writable by everybody, so sshd takes no key of"
                      f" {account.name}", advice)
    elif status.st_mode & stat.S_IWGRP:
        # Debian's sshd admits the group that has the account for its only member.
        yield Finding(Severity.WARNING, entry, "is writable by its group; most sshd's then take no"
                      f" key of {account.name}", f"look through the keys, then chmod go-w {entry}")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        yield Finding(Severity.ERROR, entry, "is no regular file, so sshd takes no key from it",
                      "move it away")
