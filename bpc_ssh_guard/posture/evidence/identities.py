"""The private keys of BackupPC's account, and which of them it offers to which host."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided
from .logins import Login, logins
from .places import home
from .privatekey import MOST, PrivateKey, is_private_key, read_key
from .sshconfig import SYSTEM, Option, SshConfig

if TYPE_CHECKING:
    from ..site import Site

_DEFAULTS: Final = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_dsa")
_HEAD: Final = 256  # bytes: the first line of a private key is among them
_SECONDS: Final = 10
_SSH: Final = "/usr/bin/ssh"


@dataclass(frozen=True)
class Trouble:
    """Why nothing can be said of a host."""

    host: str
    error: Undecided


def all_logins(site: Site) -> tuple[list[Login], list[Trouble]]:
    """Return the ssh logins for all hosts, and what of them is not known."""
    found: list[Login] = []
    troubles = []
    for host in site.settings.hosts:
        try:
            found += logins(site, host.name)
        except Undecided as error:
            troubles.append(Trouble(host.name, error))
    if site.settings.hosts_trouble is not None:
        troubles.append(Trouble("hosts", site.settings.hosts_trouble))
    return found, troubles


def effective(site: Site, login: Login) -> SshConfig:
    """Return the options of LOGIN; raise Undecided.

    With --live ssh itself is asked, as backuppc: a `Match exec` of its files runs a program.
    """
    if site.live and str(site.disk.root) == "/":
        return _asked(site, login)
    config = SshConfig()
    for option in login.options:
        config.add(option)
    own = home(site)
    if login.config is not None:
        files = [] if login.config == "none" else [_expanded(login.config, login.host, own)]
    else:
        files = [f"{own}/.ssh/config", SYSTEM]
    for path in files:
        config.read(site.disk, path, login.host, own)
    return config


def _asked(site: Site, login: Login) -> SshConfig:
    account = site.accounts.user(site.user)
    if account is None:
        raise Undecided(site.user, "no such account in /etc/passwd")
    as_account = {} if os.geteuid() == account.uid else {
        "user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - a list, no shell
            [_SSH, "-G", *command(site, login)], **as_account, cwd="/", stdin=subprocess.DEVNULL,
            env={"HOME": account.home, "PATH": "/usr/bin:/bin"}, capture_output=True,
            timeout=_SECONDS, check=True, text=True, errors="replace")
    except (OSError, subprocess.SubprocessError):
        raise Undecided(login.host, f"ssh -G as {site.user} said nothing") from None
    config = SshConfig()
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        config.options.append(Option(name, value))
    return config


def command(site: Site, login: Login) -> list[str]:
    """Return the options and the host of LOGIN as arguments of ssh."""
    own = home(site)
    alias = site.setting("ClientNameAlias", login.host)
    name = alias if isinstance(alias, str) and alias else login.host
    words = ["-F", _expanded(login.config, login.host, own)] if login.config else []
    for option in login.options:
        words += ["-o", f"{option.name}={option.value}"]
    return [*words, "--", name]


@dataclass(frozen=True)
class Identity:
    """A file with a private key; what it tells raises Undecided in `key`."""

    path: str

    def key(self, site: Site) -> Optional[PrivateKey]:
        """Return what its header tells, None where it is no private key; raise Undecided."""
        public = b""
        try:
            data = site.disk.head(self.path, MOST)
        except FileNotFoundError:
            return None
        with contextlib.suppress(FileNotFoundError, Undecided):
            public = site.disk.head(f"{self.path}.pub", MOST)
        return read_key(data, public)


def offered(site: Site, login: Login) -> list[Identity]:
    """Return the keys that LOGIN offers and that exist; raise Undecided."""
    own = home(site)
    named = [_expanded(each.value, login.host, own)
             for each in effective(site, login).every("identityfile") if each.value != "none"]
    paths = named or [f"{own}/.ssh/{name}" for name in _DEFAULTS]
    return [Identity(path) for path in paths if site.disk.stat(path) is not None]


def private_keys(site: Site) -> tuple[list[Identity], list[Trouble]]:
    """Return the private keys in ~/.ssh and those that the hosts' logins name."""
    folder = f"{home(site)}/.ssh"
    paths: dict[str, None] = {}
    found, troubles = all_logins(site)
    for name in site.disk.names(folder):
        path = f"{folder}/{name}"
        info = site.disk.stat(path)
        if info is None or not stat.S_ISREG(info.st_mode) or name.endswith(".pub"):
            continue
        try:
            if is_private_key(site.disk.head(path, _HEAD)):
                paths[path] = None
        except Undecided as error:
            troubles.append(Trouble(path, error))
    for login in found:
        try:
            paths.update((each.path, None) for each in offered(site, login))
        except Undecided as error:
            troubles.append(Trouble(login.host, error))
    return [Identity(path) for path in paths], troubles


def _expanded(path: str, host: str, own: str) -> str:
    """Return PATH with ~, %d and %h put in (ssh_config(5), TOKENS); relative ones start at ~."""
    tokens = {"%d": own, "%h": host, "%n": host, "%%": "%"}
    path = re.sub(r"%[dhn%]", lambda token: tokens[token[0]], re.sub(r"^~(?=/)", own, path))
    return path if path.startswith("/") else f"{own}/{path}"
