"""What BackupPC's settings say of the ssh that it starts: the rendered file, or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from ..backuppc.perl.values import is_true
from ..backuppc.undecided import Undecided
from .render import EDITABLE, SUFFIX
from .words import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..backuppc.settings import Settings, Value
    from .config import Config

    # A subject, and what is wrong with it and what to do.
    Wrong = tuple[str, str]
    Check = Callable[[Config, Settings], Iterator[Wrong]]

_APPLY: Final = "bpc-ssh-keys render shows the line"
_EDITED: Final = "who owns a host may edit it, and it runs programs as BackupPC"
# The arguments of a backup that come behind RsyncSshArgs, where the last -e wins (popt).
_LATER: Final = ("RsyncArgs", "RsyncArgsExtra", "RsyncFullArgsExtra", "RsyncIncrArgsExtra")
_COMMANDS: Final = {"TarClientCmd": Purpose.BACKUP, "TarClientRestoreCmd": Purpose.RESTORE}


def ssh(config: Config, settings: Settings) -> Iterator[Wrong]:
    """Yield each setting of the server, or of a client, by which ssh has another key."""
    names: list[Optional[str]] = [None]
    names += [host.name for host in settings.hosts if host.name in config.hosts]
    for host in names:
        method = settings.value("XferMethod", host)
        if method == "rsync" or host is None:
            yield from _rsync(config, settings, host)
        if method == "tar" or host is None:
            yield from _tar(config, settings, host)
        if host is not None and method not in ("rsync", "tar"):
            yield f"XferMethod of {host}", f"is {method!a}, which no key here is for"


def edit(config: Config, settings: Settings) -> Iterator[Wrong]:
    """Yield each setting that an owner of a host may edit, and so have ssh run anything."""
    names: list[Optional[str]] = [None, *(host.name for host in settings.hosts)]
    for host in names:
        if not is_true(settings.value("CgiUserConfigEditEnable", host)):
            continue
        editable = settings.value("CgiUserConfigEdit", host)
        if not isinstance(editable, dict):
            raise Undecided("CgiUserConfigEdit", "is no hash")
        own = None if host is None else settings.value("CgiUserConfigEdit", None)
        for name in EDITABLE:
            if is_true(editable.get(name)) and editable != own:
                yield _shown(f"CgiUserConfigEdit{{{name}}}", host), f"{_EDITED}; {_APPLY}"


OF_BACKUPPC: Final[tuple[tuple[str, Check], ...]] = (
    ("ssh of BackupPC", ssh), ("CgiUserConfigEdit", edit),
)


def _rsync(config: Config, settings: Settings, host: Optional[str]) -> Iterator[Wrong]:
    if not _names(_last_shell(settings.value("RsyncSshArgs", host)), config, host, Purpose.BACKUP):
        yield _wrong("RsyncSshArgs", host)
    for name in _LATER:
        if _last_shell(settings.value(name, host)):
            yield _shown(name, host), "has a -e, which wins over RsyncSshArgs; take it out"
    restore = _last_shell(settings.value("RsyncRestoreArgsExtra", host))
    if not _names(restore, config, host, Purpose.RESTORE):
        yield _wrong("RsyncRestoreArgsExtra", host)


def _tar(config: Config, settings: Settings, host: Optional[str]) -> Iterator[Wrong]:
    for name, purpose in _COMMANDS.items():
        if not _names(" ".join(_words(settings.value(name, host))), config, host, purpose):
            yield _wrong(name, host)


def _last_shell(value: Value) -> str:
    """Return what the last -e of rsync's arguments VALUE names, empty where there is none."""
    found, words = "", _words(value)
    for at, word in enumerate(words):
        if word in ("-e", "--rsh"):
            found = words[at + 1] if at + 1 < len(words) else word
        elif word.startswith(("--rsh=", "-e")):
            found = word
    return found


def _names(command: str, config: Config, host: Optional[str], purpose: str) -> bool:
    """Tell whether COMMAND's ssh reads the file that was rendered for PURPOSE."""
    files = {f"{config.stanzas}/{name}.{purpose}{SUFFIX}"
             for name in ("$client", *([host] if host else []))}
    words = command.split()
    named = {words[at + 1] for at, word in enumerate(words[:-1]) if word == "-F"}
    return len(named) == 1 and named <= files


def _words(value: Value) -> list[str]:
    if value is None:
        return []
    if isinstance(value, dict):
        raise Undecided("a setting of rsync or tar", "is a hash")
    return value.split() if isinstance(value, str) else [str(each) for each in value]


def _wrong(name: str, host: Optional[str]) -> Wrong:
    return _shown(name, host), f"doesn't name the file that render writes; {_APPLY}"


def _shown(name: str, host: Optional[str]) -> str:
    return name if host is None else f"{name} of {host}"
