"""Whether BackupPC uses the keys that this server keeps, and who else could: looked at, no more.

What can't be read is unknown, never right.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..backuppc.undecided import Undecided
from .certificates import certificate_path
from .certificates import settings as certificates
from .config import AGENT, Channel
from .durable import FILE_MODE
from .files import CURRENT, Pairs
from .render import SUFFIX, stanza
from .telling import OF_BACKUPPC
from .trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..backuppc.settings import Settings
    from .config import Config, Host

# What replaces the keys, or certificates, of the hosts of a channel by itself.
TIMERS: Final = {
    Channel.KEY: "bpc-ssh-keys-rotate.timer",
    Channel.CERTIFICATE: "bpc-ssh-keys-certificates.timer",
}
_SYSTEMCTL: Final = "/usr/bin/systemctl"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Verdict:
    """What is said of a subject."""

    RIGHT: Final = "right"
    WRONG: Final = "wrong"
    UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Diagnosis:
    """What was found of SUBJECT, a setting, file or host; `text` says what to do where wrong."""

    verdict: str
    subject: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return dict(vars(self))


def examine(config: Config, settings: Settings) -> Iterator[Diagnosis]:
    """Yield what is to be said of CONFIG's files and of SETTINGS, which are BackupPC's."""
    yield from _judged("hosts", _hosts(config, settings))
    for subject, check in OF_BACKUPPC:
        yield from _judged(subject, (Diagnosis(Verdict.WRONG, *each)
                                     for each in check(config, settings)))
    for host in config.hosts.values():
        yield from _judged(f"files of {host.name}", _files(config, host))
    yield from _judged(str(config.var), _owner(config))
    used = {host.channel for host in config.hosts.values()}
    if Channel.CERTIFICATE in used:
        folder = certificates.load(config).folder
        yield from _judged(str(folder), _authority(config, folder))
    for channel, timer in TIMERS.items():
        if channel in used:
            yield from _judged(timer, _timer(timer))


def _judged(subject: str, found: Iterator[Diagnosis]) -> Iterator[Diagnosis]:
    """Yield what was FOUND of SUBJECT; that it is right where nothing was and all could be read."""
    is_right = True
    try:
        for each in found:
            is_right = False
            yield each
    except (Undecided, OSError, Trouble) as trouble:
        yield Diagnosis(Verdict.UNKNOWN, subject, str(trouble))
        return
    if is_right:
        yield Diagnosis(Verdict.RIGHT, subject, "")


def _hosts(config: Config, settings: Settings) -> Iterator[Diagnosis]:
    """Yield the hosts that only one of the two knows."""
    if settings.hosts_trouble is not None:
        raise settings.hosts_trouble
    theirs = {host.name for host in settings.hosts}
    for name in sorted(theirs - set(config.hosts)):
        yield Diagnosis(Verdict.WRONG, name, f"BackupPC has it and {config.path} not: write"
                                             f" [host.{name}], and bpc-ssh-keys enroll {name}")
    for name in sorted(set(config.hosts) - theirs):
        yield Diagnosis(Verdict.WRONG, name, f"{config.path} has it and BackupPC not: take it out,"
                                             " or add it to BackupPC's hosts")


def _files(config: Config, host: Host) -> Iterator[Diagnosis]:
    signed = host.channel == Channel.CERTIFICATE
    again = f"bpc-ssh-keys {'ca issue --host' if signed else 'enroll'} {host.name}"
    for purpose, label in host.labels.items():
        path = config.stanzas / f"{host.name}.{purpose}{SUFFIX}"
        yield from _lent(config, path)
        if path.exists() and path.read_text("utf-8", "replace") != stanza(config, host, purpose):
            yield Diagnosis(Verdict.WRONG, str(path), "is not up to date; bpc-ssh-keys render")
        pairs = Pairs(config.pairs(host.name, label))
        current = pairs.current()
        if current is None:
            yield Diagnosis(Verdict.WRONG, str(pairs.folder / CURRENT), f"leads to no key; {again}")
        else:
            yield from _lent(config, current.path)
        certificate = certificate_path(config, host, label)
        if certificate is not None:
            yield from _lent(config, certificate, again)
    yield from _lent(config, config.known_hosts / host.name,
                     f"bpc-ssh-keys hostkey pin {host.name}")
    # With certificates it replaces the authority alone, which a client's admin may do instead.
    path = Path(host.rotation_key)
    if not host.rotation_key.startswith(AGENT) and not (signed and not os.path.lexists(path)):
        yield from _alone(config, path, host)


def _lent(config: Config, path: Path, advice: str = "bpc-ssh-keys render") -> Iterator[Diagnosis]:
    """Yield why PATH is no file that BackupPC reads and can't replace."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        yield Diagnosis(Verdict.WRONG, str(path), f"is missing; {advice}")
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~FILE_MODE or not stat.S_ISREG(status.st_mode):
        yield Diagnosis(Verdict.WRONG, str(path), f"has mode {mode:04o}; chmod {FILE_MODE:04o} it")
    if status.st_uid != config.var.stat().st_uid:
        yield Diagnosis(Verdict.WRONG, str(path), f"belongs to uid {status.st_uid}, not to the"
                                                  f" owner of {config.var}; chown it")
    if config.reader and status.st_gid != _group(config.reader):
        yield Diagnosis(Verdict.WRONG, str(path), f"BackupPC can't read it; chgrp {config.reader}"
                                                  " it")


def _alone(config: Config, path: Path, host: Host) -> Iterator[Diagnosis]:
    """Yield why somebody else than its owner reads the rotation key at PATH."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        yield Diagnosis(Verdict.WRONG, str(path), "the rotation key is missing; bpc-ssh-keys enroll"
                                                  f" {host.name}")
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS or status.st_uid != config.var.stat().st_uid:
        yield Diagnosis(Verdict.WRONG, str(path), f"others than the owner of {config.var} may have"
                        f" read the rotation key (mode {mode:04o}): bpc-ssh-keys-recovery(7)")


def _authority(config: Config, folder: Path) -> Iterator[Diagnosis]:
    """Yield why somebody else than the owner of the keys may be in FOLDER, the authority's."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        yield Diagnosis(Verdict.WRONG, str(folder), "is missing; bpc-ssh-keys ca init")
        return
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & _OTHERS \
            or status.st_uid != config.var.stat().st_uid:
        yield Diagnosis(Verdict.WRONG, str(folder), f"is not for the owner of {config.var} alone:"
                        " chmod 700, chown, and bpc-ssh-keys ca rotate if anybody has read it")


def _owner(config: Config) -> Iterator[Diagnosis]:
    """Yield why who reads the keys could replace them."""
    status = os.stat(config.var)
    if config.reader:
        try:
            reader = pwd.getpwnam(config.reader).pw_uid
        except KeyError:
            raise Undecided(config.reader, "there is no account of the group's name") from None
        if status.st_uid == reader:
            yield Diagnosis(Verdict.WRONG, str(config.var), f"belongs to {config.reader}, who is"
                            " only to read the keys; bpc-ssh-keys init says whose it is to be")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Diagnosis(Verdict.WRONG, str(config.var), "others may write it; chmod go-w it")


def _timer(timer: str) -> Iterator[Diagnosis]:
    """Yield that TIMER doesn't run."""
    try:
        done = subprocess.run([_SYSTEMCTL, "is-enabled", timer], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
    except OSError as error:
        raise Undecided(_SYSTEMCTL, error.strerror or "can't be run") from None
    said = done.stdout.strip()
    if said == "enabled":
        return
    if not said:
        raise Undecided(_SYSTEMCTL, " ".join(done.stderr.split()) or "says nothing")
    yield Diagnosis(Verdict.WRONG, timer, f"is {said}; systemctl enable --now {timer}")


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Undecided(name, "there is no such group") from None
