"""Whether clients offer their files to more than BackupPC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.commands import flat
from ..evidence.logins import method
from ..finding import Auto, Finding, Section, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..site import Site

_OPEN_METHODS: Final = ("smb", "rsyncd", "ftp")
_CLEAR: Final = {
    "rsyncd": "rsyncd: files in clear, a password that can be guessed from one recorded login",
    "ftp": "ftp: files and password in clear",
}
_SMB_COMMANDS: Final = ("SmbClientFullCmd", "SmbClientIncrCmd", "SmbClientRestoreCmd")
# smbclient(1) of Samba 4.15 and later; -e of those before.
_ENCRYPTED: Final = re.compile(r"--client-protection[= ]encrypt\b|(?:^|\s)(?:-e|--encrypt)(?=\s|$)")
_OLD: Final = re.compile(r"\b(?:NT1|LANMAN[12]?|CORE)\b", re.IGNORECASE)
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_PORTS: Final = {"smb": "137/udp, 139 and 445", "rsyncd": "873", "ftp": "21"}
_SNIPPET: Final = (
    "on the client run `bpc-ssh-guardctl doctor`; limit the port to the server, for example:"
    " nft add rule inet filter input tcp dport {ports} ip saddr != SERVER drop"
)


class ClearShares(Check):
    """SHR-01."""

    id = "SHR-01"
    section = Section.SHARES
    severity = Severity.MEDIUM
    title = "host backed up over an open share"
    looks_at = "each host's XferMethod, share names, and the Smb*Cmd settings"
    proof = "the settings in effect for the host"
    why = ("A share that BackupPC can read is a service that others can try too: smb and rsyncd"
           " passwords can be guessed, and what isn't encrypted can be read on the way.")
    fix = ("rsync over ssh with the guard; else smbclient --client-protection=encrypt and a share"
           " that only BackupPC's account may read")
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each host with an open share."""
        clean = True
        for host in site.settings.hosts:
            try:
                faults = list(self._faults(site, host.name))
            except Undecided as error:
                clean = False
                yield self.unknown(host.name, f"{error.subject}: {error.reason}", error.line)
                continue
            if faults:
                clean = False
                yield self.failed(host.name, "; ".join(faults))
        if site.settings.hosts_trouble is not None:
            raise site.settings.hosts_trouble
        if clean:
            count = len(site.settings.hosts)
            yield self.passed("hosts", f"none of {count} hosts is backed up over an open share")

    def _faults(self, site: Site, host: str) -> Iterator[str]:
        how = method(site, host)
        if how in _CLEAR and not is_local(site, host):
            yield _CLEAR[how]
        if how != "smb":
            return
        commands = [flat(site.setting(name, host)) for name in _SMB_COMMANDS]
        if any(_OLD.search(command) for command in commands):
            yield "smb: protocol NT1 or older"
        if not all(_ENCRYPTED.search(command) for command in commands if command):
            yield "smb without --client-protection=encrypt"
        if any(re.search(r"(?:^|\s)[A-Za-z]\$(?:\s|$)", share) for share in
               _texts(site.setting("SmbShareName", host))):
            yield "the administrative share of a whole drive (C$)"


class ClientListeners(Check):
    """SHR-02."""

    id = "SHR-02"
    section = Section.SHARES
    severity = Severity.MEDIUM
    title = "share that more than BackupPC can reach"
    looks_at = "who can connect to the clients' ports 137, 139, 445, 873 and 21"
    proof = "bpc-ssh-guardctl doctor on the client; the server can't see a client's packet filter"
    why = ("Only the BackupPC host needs these ports. Open to the whole network, they are the way"
           " in for whoever got into any other machine.")
    fix = _SNIPPET.format(ports="{ 139, 445, 873, 21 }")
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield UNKNOWN for each host that needs such a port."""
        found = False
        for host in site.settings.hosts:
            try:
                how = method(site, host.name)
                if how not in _OPEN_METHODS or is_local(site, host.name):
                    continue
            except Undecided as error:
                found = True
                yield self.unknown(host.name, f"{error.subject}: {error.reason}", error.line)
                continue
            found = True
            yield self.unknown(host.name, f"{how} needs port {_PORTS[how]} there; who else reaches"
                                          " it, only the client can tell")
        if site.settings.hosts_trouble is not None:
            raise site.settings.hosts_trouble
        if not found:
            yield self.not_applicable("hosts", "no host is backed up through such a port")


def is_local(site: Site, host: str) -> bool:
    """Return whether HOST is reached over loopback: this machine, or the end of a tunnel."""
    alias = site.setting("ClientNameAlias", host)
    names = _texts(alias) or [host]
    return all(_LOOPBACK.fullmatch(name) for name in names)


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [each for each in items if isinstance(each, str) and each]


CHECKS = (ClearShares, ClientListeners)
