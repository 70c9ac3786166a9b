"""What BackupPC's ssh is told: a file for each client and purpose, and the settings that name it.

ssh reads nothing but that file, so it offers one key to one host that it knows, forwards nothing
and asks nobody; without the file it ends with status 255. Files are replaced at once or not at all.
"""

from __future__ import annotations

import contextlib
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Optional

from ..backuppc.perl.writing import literal
from .certificates import certificate_path
from .durable import FILE_MODE, make_folder, replace
from .files import CURRENT, group_of, require_own
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..backuppc.perl.values import Value
    from .config import Config, Host

SUFFIX: Final = ".conf"
_HEADER: Final = "# Written by bpc-ssh-keys render. Changes are lost.\n"
# BackupPC writes the names of hosts in small letters, so that is what $client is.
_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
# ssh_config(5) takes % for tokens and " and # for its own; none is needed in a path of ours.
_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9._/+-]*", re.ASCII)

# Each option at its strictest whatever the system's ssh_config says: -F leaves that unread, and a
# newer ssh may have other defaults.
_FIXED: Final = (
    "IdentitiesOnly yes", "IdentityAgent none",
    "GlobalKnownHostsFile none", "StrictHostKeyChecking yes", "UpdateHostKeys no", "BatchMode yes",
    "PreferredAuthentications publickey", "ControlMaster no", "ControlPath none",
    "ForwardAgent no", "ForwardX11 no", "ClearAllForwardings yes", "PermitLocalCommand no",
    "ProxyCommand none", "EscapeChar none", "ServerAliveInterval 60",
    # No banner among the lines that BackupPC reads, but why a login failed, which -q would hide.
    "LogLevel ERROR",
)


# What the owner of a host may edit in the web interface as BackupPC comes, and could name another
# program or key by: then a key per client would separate nothing.
EDITABLE: Final = (
    "RsyncSshArgs", "RsyncArgs", "RsyncArgsExtra", "RsyncFullArgsExtra", "RsyncIncrArgsExtra",
    "RsyncRestoreArgs", "RsyncRestoreArgsExtra", "TarFullArgs", "TarIncrArgs",
)


@dataclass(frozen=True)
class Rendered:
    """One file: `change` is new, changed, same, or gone where its client or purpose is."""

    path: Path
    change: str

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {"file": str(self.path), "change": self.change}


def stanza(config: Config, host: Host, purpose: str) -> str:
    """Return the file for `ssh -F` of PURPOSE of HOST; raises Trouble for what it can't say."""
    key = config.pairs(host.name, host.labels[purpose]) / CURRENT
    known = config.known_hosts / host.name
    for path in (key, known):
        if not _PLAIN_PATH.fullmatch(str(path)):
            raise Trouble(Word.FILES, f"{path}: ssh would read signs in it as its own; choose"
                                      " folders of letters, digits and ._+-")
    options = (
        f"HostKeyAlias {host.name}", f"User {host.user}", f"Port {host.port}",
        f"IdentityFile {key}",
        f"CertificateFile {certificate_path(config, host, host.labels[purpose]) or 'none'}",
        f"UserKnownHostsFile {known}", *_FIXED,
    )
    return _HEADER + "Host *\n" + "".join(f"  {option}\n" for option in options)


def render(config: Config, dry_run: bool = False) -> list[Rendered]:
    """Write every file of CONFIG's hosts, and remove those of hosts that are gone; tell of all.

    DRY_RUN changes nothing. Raises Trouble.
    """
    meant = dict(_meant(config))
    group = group_of(config.reader)
    require_own(config.var)
    require_own(config.stanzas)
    with _told(config.stanzas):
        if not dry_run:
            make_folder(config.stanzas, group)
        done = []
        for path, text in meant.items():
            change = _change(path, text, group)
            if change != "same" and not dry_run:
                replace(path, text.encode("ascii"), FILE_MODE, group)
            done.append(Rendered(path, change))
        for path in _left_over(config, set(meant)):
            if not dry_run:
                path.unlink()
            done.append(Rendered(path, "gone"))
    return done


def settings(config: Config) -> list[str]:
    """Return the lines for BackupPC's config.pl that give `values`."""
    return [f"$Conf{''.join(f'{{{key}}}' for key in keys)} = {literal(value, flat=True)};"
            for keys, value in values(config)]


def values(config: Config) -> list[tuple[tuple[str, ...], Value]]:
    """Return BackupPC's settings by their keys: rsync's two, tar's two, and who may edit.

    The last -e of rsync's arguments wins (popt), and the extra ones of a restore come last
    (BackupPC 4.4, Xfer/Rsync.pm).
    """
    if not _PLAIN_PATH.fullmatch(str(config.stanzas)):
        raise Trouble(Word.FILES, f"{config.stanzas}: BackupPC would take signs in it for its own")

    def ssh(purpose: str) -> str:
        return f"$sshPath -F {config.stanzas}/$client.{purpose}{SUFFIX}"

    # Without the -q that comes with BackupPC: the file has LogLevel, and -q would say nothing.
    # Not $host, as it comes: at a restore that is the client's name here, known to no resolver.
    tar = "$hostIP env LC_ALL=C $tarPath"
    return [
        (("RsyncSshArgs",), ["-e", ssh("backup")]),
        (("RsyncRestoreArgsExtra",), ["-e", ssh("restore")]),
        (("TarClientCmd",), f"{ssh('backup')} -x -n {tar} -c -v -f - -C $shareName+ --totals"),
        (("TarClientRestoreCmd",), (f"{ssh('restore')} -x {tar} -x -p --numeric-owner"
                                    " --same-owner -v -f - -C $shareName+")),
        *((("CgiUserConfigEdit", name), "0") for name in EDITABLE),
    ]


def _meant(config: Config) -> Iterator[tuple[Path, str]]:
    for host in config.hosts.values():
        if not _CLIENT.fullmatch(host.name):
            raise Trouble(Word.FILES, f"[host.{host.name}]: BackupPC writes names of hosts in small"
                                      " letters; write it so here too")
        for purpose in host.labels:
            yield config.stanzas / f"{host.name}.{purpose}{SUFFIX}", stanza(config, host, purpose)


def _change(path: Path, text: str, group: Optional[int]) -> str:
    try:
        status, content = path.lstat(), path.read_bytes()
    except FileNotFoundError:
        return "new"
    same = stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == FILE_MODE
    same = same and (group is None or status.st_gid == group)
    return "same" if same and content == text.encode("ascii") else "changed"


def _left_over(config: Config, meant: set[Path]) -> Iterator[Path]:
    """Yield our own files that no client has any more; others in the folder are left alone."""
    if not config.stanzas.is_dir():
        return
    for path in sorted(config.stanzas.glob(f"*{SUFFIX}")):
        if path not in meant and path.read_bytes().startswith(_HEADER.encode("ascii")):
            yield path


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Trouble(Word.FILES, f"{error.filename or folder}: {error.strerror}; run this as the"
                                  " account that owns it") from None
