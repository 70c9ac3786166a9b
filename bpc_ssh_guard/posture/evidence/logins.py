"""How BackupPC logs in to each host over ssh, as its settings say."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from .commands import flat, words
from .sshconfig import Option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.settings import Place, Value
    from ..site import Site

_WITH_ARGUMENT: Final = frozenset("BbcDEeFIiJLlmOoPpQRSWw")  # ssh(1), SYNOPSIS
_NAMED: Final = {"l": "user", "i": "identityfile", "p": "port", "J": "proxyjump"}
_FLAGS: Final = {"A": ("forwardagent", "yes"), "a": ("forwardagent", "no")}
_HOST: Final = re.compile(r"\$\{?(?:hostIP|host|client)\}?")
BACKUP: Final = "backup"
RESTORE: Final = "restore"


@dataclass(frozen=True)
class Login:
    """One ssh command of BackupPC: SETTING gives it, for PURPOSE of HOST."""

    host: str
    purpose: str
    setting: str
    place: Optional[Place]
    options: tuple[Option, ...]
    config: Optional[str]  # of -F

    @property
    def user(self) -> Optional[str]:
        """Return who it logs in as, None where the command doesn't say."""
        return next((each.value for each in self.options if each.name == "user"), None)

    @property
    def source(self) -> str:
        """Return how a report names where it stands."""
        return f"{self.setting} in {self.place.path}" if self.place else self.setting


def method(site: Site, host: str) -> str:
    """Return how HOST is backed up: smb, rsync, rsyncd, tar, ftp or archive."""
    value = site.setting("XferMethod", host)
    return value if isinstance(value, str) and value else "smb"  # BackupPC's default


def logins(site: Site, host: str) -> list[Login]:
    """Return the ssh logins for HOST, none where it needs none; raise Undecided."""
    found = []
    for purpose, names in _settings(site, host):
        command, setting = None, ""
        for name in names:
            own = _command(name, site.setting(name, host))
            if own is not None:
                command, setting = own, name
        if command is not None:
            place = site.settings.place(setting, host)
            found.append(_parsed(host, purpose, setting, place, command))
    return found


def _settings(site: Site, host: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield purpose and the settings that may name ssh: the last that does counts."""
    how = method(site, host)
    if how == "tar":
        yield BACKUP, ("TarClientCmd",)
        yield RESTORE, ("TarClientRestoreCmd",)
    elif how == "rsync":  # RsyncClientCmd is version 3's
        yield BACKUP, ("RsyncClientCmd", "RsyncSshArgs", "RsyncArgsExtra")
        yield RESTORE, ("RsyncClientRestoreCmd", "RsyncSshArgs", "RsyncRestoreArgsExtra")


def _command(name: str, value: Value) -> Optional[list[str]]:
    """Return the words behind ssh in the setting NAME."""
    if name.startswith("Rsync") and not name.endswith("Cmd"):
        value = _shell(value)
    text = words(flat(value))
    for number, word in enumerate(text):
        if word in ("$sshPath", "${sshPath}") or posixpath.basename(word) == "ssh":
            return text[number + 1 :]
    return None


def _shell(value: Value) -> Value:
    """Return what rsync takes as its remote shell from a list of its arguments; the last counts."""
    items = value if isinstance(value, list) else [value]
    texts = [each for each in items if isinstance(each, str)]
    found: Optional[str] = None
    for number, text in enumerate(texts):
        if text in ("-e", "--rsh") and number + 1 < len(texts):
            found = texts[number + 1]
        elif text.startswith("--rsh="):
            found = text[len("--rsh="):]
        elif text.startswith("-e") and len(text) > 2:
            found = text[2:].lstrip()
    return found


def _parsed(
    host: str, purpose: str, setting: str, place: Optional[Place], command: list[str]
) -> Login:
    options: list[Option] = []
    config = None
    pending = [_HOST.sub(host, word) for word in command]
    while pending and pending[0].startswith("-") and len(pending[0]) > 1:
        letters = pending.pop(0)[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _FLAGS:
                options.append(Option(*_FLAGS[letter]))
            if letter not in _WITH_ARGUMENT:
                continue
            argument = letters or (pending.pop(0) if pending else "")
            letters = ""
            if letter == "F":
                config = argument
            elif letter == "o":
                name, _, value = re.sub(r"\s*=\s*|\s+", "=", argument, count=1).partition("=")
                options.append(Option(name.lower(), value))
            elif letter in _NAMED:
                options.append(Option(_NAMED[letter], argument))
    user, at, _ = pending[0].rpartition("@") if pending else ("", "", "")
    if at:
        options.append(Option("user", user))
    return Login(host, purpose, setting, place, tuple(options), config)
