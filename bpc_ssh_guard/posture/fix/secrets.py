"""Where share passwords stand in plain text, and which of them systemd can hold instead.

Xfer/Smb.pm takes the password of smbclient from $BPC_SMB_PASSWD where SmbSharePasswd is undef, and
from nowhere else. It takes RsyncdPasswd and FtpPasswd from its configuration alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.perl.values import octets
from ...backuppc.refused import Refused
from ...backuppc.undecided import Undecided
from ..evidence.secrets import ENVIRONMENT, SECRET_KEYS, of_file
from ..evidence.unit import find_unit, variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.settings import ConfigFile
    from ..evidence.unit import Unit
    from ..site import Site

KEY: Final = "SmbSharePasswd"
NAME: Final = "smb-password"  # of the credential
OWN_FOLDER: Final = "/etc/bpc-ssh-posture"
WRAPPER: Final = f"{OWN_FOLDER}/with-{NAME}"
ENCRYPTED: Final = f"{OWN_FOLDER}/{NAME}.cred"
PLAIN: Final = f"{OWN_FOLDER}/{NAME}"

WRAPPER_TEXT: Final = f"""#!/bin/sh
# Starts BackupPC with the share password that systemd holds for it (bpc-ssh-posture.8).
{ENVIRONMENT}=$(cat "${{CREDENTIALS_DIRECTORY:?}}/{NAME}") || exit 1
export {ENVIRONMENT}
exec "$@"
"""
_STAYS: Final = {
    "RsyncdPasswd": "BackupPC takes it from its configuration alone; rsync over ssh with the guard"
                    " needs no password",
    "FtpPasswd": "BackupPC takes it from its configuration alone, and sends it in clear text",
    "ServerMesgSecret": "daemon and web interface both take it from the configuration alone",
}


@dataclass(frozen=True)
class Place:
    """A password in plain text, and why it stays there; None where it can move."""

    key: str
    path: str
    line: int
    length: str
    stays: Optional[str]


@dataclass(frozen=True)
class Service:
    """The unit that starts BackupPC, and its one ExecStart as it stands."""

    name: str
    start: str

    @property
    def drop_in(self) -> str:
        """Return the path of the drop-in that is ours."""
        return f"/etc/systemd/system/{self.name}.d/50-{NAME}.conf"

    def drop_in_text(self, encrypted: bool) -> str:
        """Return the drop-in's text."""
        load = f"LoadCredentialEncrypted={NAME}:{ENCRYPTED}" if encrypted else (
            f"LoadCredential={NAME}:{PLAIN}")
        return ("# BackupPC's smb password, kept out of config.pl (bpc-ssh-posture.8).\n"
                f"[Service]\n{load}\nExecStart=\nExecStart={WRAPPER} {self.start}\n")


def places(site: Site) -> list[Place]:
    """Return every password of every configuration file that could be read."""
    obstacle = _obstacle(site)
    found = []
    for file in site.settings.files():
        for secret in of_file(file):
            stays = obstacle if secret.key == KEY else _STAYS[secret.key]
            found.append(Place(secret.key, file.path, secret.line, secret.length, stays))
    return found


def unread(site: Site) -> Iterator[tuple[str, Optional[int], str]]:
    """Yield path, line and reason where a file may hold a password that can't be seen."""
    for file in site.settings.files():
        troubles = [file.trouble, *(file.unknown.get(key) for key in SECRET_KEYS)]
        for trouble in troubles:
            if trouble is not None:
                yield file.path, trouble.line, trouble.reason


def password(site: Site) -> bytes:
    """Return the one password that moves; raise Refused where none does."""
    obstacle = _obstacle(site)
    values = _values(site)
    if obstacle is not None or not values:
        raise Refused(obstacle or f"no file sets {KEY} to anything")
    return octets(next(iter(values)))


def holders(site: Site) -> list[ConfigFile]:
    """Return the files whose setting becomes undef."""
    return [file for file in site.settings.files()
            if any(secret.key == KEY for secret in of_file(file))]


def service(site: Site) -> Service:
    """Return what starts BackupPC; raise Refused where the drop-in could not keep it as it is."""
    unit = find_unit(site.disk)
    if unit is None:
        raise Refused("BackupPC has no systemd service here, and only systemd holds credentials")
    return Service(unit.name, _start(unit, site))


def _start(unit: Unit, site: Site) -> str:
    found = unit.all("ExecStart")
    if len(found) != 1:
        raise Refused(f"{unit.name}: {len(found)} times ExecStart=; one is expected")
    start = found[0].value
    if not start.startswith("/"):
        raise Refused(f"{found[0].path}:{found[0].line}: ExecStart= with a prefix; move the"
                      " password by hand")
    if start.split()[0] == WRAPPER:
        raise Refused(f"{found[0].path}: {WRAPPER} is in use already; take the earlier move back"
                      " before a new one")
    for seen in variable(site.disk, unit, ENVIRONMENT):
        raise Refused(f"{seen.path}:{seen.line}: {ENVIRONMENT} is set here already")
    return start


def _values(site: Site) -> set[str]:
    return {str(file.keys[KEY]) for file in holders(site)}


def _obstacle(site: Site) -> Optional[str]:
    """Return why SmbSharePasswd can't move, for all its places alike."""
    for file in site.settings.files():
        trouble = file.trouble or file.unknown.get(KEY)
        if trouble is not None:
            return f"{file.path}:{trouble.line}: {trouble.reason}; what it sets can't be told"
    if site.settings.hosts_trouble is not None:
        return f"the list of hosts can't be told: {site.settings.hosts_trouble}"
    values = _values(site)
    if len(values) > 1:
        return ("hosts have different passwords, and BackupPC takes one from its environment for"
                " all; give smbclient -A FILE in the hosts' Smb*Cmd, a file of 0600 for each")
    if any(set(value) & set("\0\n\r") for value in values):
        return "it holds the end of a line, which no environment file or command carries"
    for host in site.settings.hosts:
        if values and site.setting(KEY, host.name) is None and _uses_smb(site, host.name):
            return f"{host.name}: has none so far, and would be sent that of the other hosts"
    return None


def _uses_smb(site: Site, host: str) -> bool:
    try:
        return site.setting("XferMethod", host) == "smb"
    except Undecided:
        return True
