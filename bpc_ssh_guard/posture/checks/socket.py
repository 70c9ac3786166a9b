"""The server socket: who can speak to BackupPC's daemon, and what that costs him to be believed."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.perl.values import number
from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.unit import find_unit
from ..finding import Auto, Finding, Section, Severity, State
from ..probe import process
from ..probe.socket import LOG_NOTE, Reply
from ..reach import others_write, weakest
from ..repair import ConfigRepair, Generated, Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..probe.daemon import Daemon
    from ..site import Site

PORT, SECRET, UMASK = "ServerPort", "ServerMesgSecret", "UmaskMode"
LEAST_SECRET: Final = 32  # characters: random ones can't be guessed at MD5's speed
LEAST_KINDS: Final = 10  # different ones of them; 32 random hex digits have fewer once in 20 000
CLOSED_MASK: Final = 0o027  # no write for the group, nothing for others
LEAST_FILES: Final = 4096  # descriptors; the default of 1024 is soon used up by idle connections


def port(site: Site) -> int:
    """Return the TCP port that the file has, 0 where it has none; raise Undecided."""
    value = _scalar(site, PORT)
    return max(0, int(number(value)))


def secret(site: Site) -> str:
    """Return the secret that the file has; raise Undecided."""
    return _scalar(site, SECRET) or ""


def _scalar(site: Site, name: str) -> Optional[str]:
    value = site.setting(name)
    if isinstance(value, (list, dict)):
        raise Undecided(name, "is a list or hash")
    return value


def _line(site: Site, name: str) -> Optional[int]:
    place = site.settings.place(name)
    return place.line if place else None


class _OfSocket(Check):
    """What the checks of this section share."""

    section = Section.SERVER_SOCKET


class OpenPort(_OfSocket):
    """SRV-01."""

    id = "SRV-01"
    severity = Severity.CRITICAL
    title = "server socket without a secret"
    looks_at = "$Conf{ServerPort}, $Conf{ServerMesgSecret} and what the running server believes"
    proof = "parse; with --live the question `status queueLen` under the empty secret"
    why = ("The server listens on a TCP port and believes whoever connects: he can read logs,"
           " start, stop and delete backups, and shut BackupPC down.")
    fix = "$Conf{ServerPort} = -1, then reload the server"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what a stranger is believed, by the running server first."""
        server = _running(site)
        if server and server.ports and server.empty == Reply.ACCEPTED:
            told = f"the server takes the empty secret; {_named(server.ports)}"
            yield self.failed(PORT, told, _line(site, PORT))
        elif port(site) and not secret(site):
            yield self.failed(PORT, f"TCP port {port(site)}, and the secret is empty",
                              _line(site, PORT))
        else:
            told = "a secret is set" if port(site) else "no TCP port"
            yield self.passed(PORT, told)

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close the port."""
        if finding.state == State.FAIL and port(site):
            yield ConfigRepair(None, (PORT,), "-1")


class AnyPort(_OfSocket):
    """SRV-02."""

    id = "SRV-02"
    severity = Severity.HIGH
    title = "server socket on the network"
    looks_at = "$Conf{ServerPort} and the ports of the running server"
    proof = "parse; with --live the listening sockets that the server's process holds"
    why = ("The server listens on a TCP port of every address. What is said there is not encrypted,"
           " can be changed on the way, and its secret can be guessed offline by who overhears it;"
           " the CGI in turn believes whoever holds that port.")
    fix = "$Conf{ServerPort} = -1; a remote CGI needs a tunnel and a firewall for its one host"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield whether a port is open, now or at the next start."""
        server = _running(site)
        if server and server.ports:
            yield self.failed(PORT, f"the running server listens: {_named(server.ports)}",
                              _line(site, PORT))
        elif port(site):
            yield self.failed(PORT, f"TCP port {port(site)}", _line(site, PORT))
        else:
            yield self.passed(PORT, "no TCP port")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close the port."""
        if finding.state == State.FAIL and port(site):
            yield ConfigRepair(None, (PORT,), "-1")


class WeakSecret(_OfSocket):
    """SRV-03."""

    id = "SRV-03"
    severity = Severity.MEDIUM
    title = "secret of the server socket that can be guessed"
    looks_at = "the length and variety of $Conf{ServerMesgSecret}"
    proof = "estimate; the value is never shown"
    why = ("A snooper who overhears one exchange can try secrets against it on his own machine,"
           " millions a second: a short or simple one doesn't last.")
    fix = "32 random characters or more; better no TCP port at all"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield how good the secret is."""
        value = secret(site)
        if not value:
            yield self.not_applicable(SECRET, "empty: SRV-01 tells whether that matters")
            return
        fault = weakness(value)
        if fault is None:
            yield self.passed(SECRET, "long and varied")
        else:
            yield self.failed(SECRET, fault, _line(site, SECRET))

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Put a random one in its place."""
        if finding.state == State.FAIL:
            yield ConfigRepair(None, (SECRET,), Generated.SECRET)


def weakness(value: str) -> Optional[str]:
    """Return why VALUE can be guessed, in words that don't give it away; None for a good one."""
    if len(value) < LEAST_SECRET:
        return f"shorter than {LEAST_SECRET} characters"
    if (value + value).find(value, 1) < len(value):
        return "one part, repeated"
    if len(set(value)) < LEAST_KINDS:
        return "few different characters"
    return None


class NotReloaded(_OfSocket):
    """SRV-04."""

    id = "SRV-04"
    severity = Severity.MEDIUM
    title = "running server that differs from its file"
    looks_at = "port, secret and socket mode in use, against config.pl"
    proof = "probe of the server socket against the parse"
    why = ("What config.pl says is not what counts: the server goes on with what it read when it"
           " was last reloaded, and with the umask it was started under.")
    fix = "BackupPC_serverMesg server reload; for UmaskMode restart the server"
    auto = Auto.MANUAL
    needs_live = True

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield one finding each for port, secret and mode."""
        server = site.daemon()
        wanted = (port(site),) if port(site) else ()
        if server.ports == wanted:
            yield self.passed(PORT, _named(server.ports))
        else:
            told = f"{_named(server.ports)} in use, {_named(wanted)} in the file"
            yield self.failed(PORT, told, _line(site, PORT))
        same = (server.empty == Reply.ACCEPTED) if not secret(site) else (
            server.takes_the_files_secret)
        if same:
            yield self.passed(SECRET, f"the file's is in use; {LOG_NOTE}")
        else:
            yield self.failed(SECRET, f"another one is in use; {LOG_NOTE}", _line(site, SECRET))
        yield self._mode(site)

    def _mode(self, site: Site) -> Finding:
        info = site.disk.lstat(_socket(site))
        if info is None:
            raise Undecided(_socket(site), "is not there")
        mode, wanted = stat.S_IMODE(info.st_mode), 0o777 & ~_umask(site)
        if mode == wanted:
            return self.passed(UMASK, f"{_socket(site)} {mode:04o}")
        return self.failed(UMASK, f"{_socket(site)} {mode:04o}, by the file {wanted:04o}",
                           _line(site, UMASK))


class OpenSocket(_OfSocket):
    """SRV-05."""

    id = "SRV-05"
    severity = Severity.HIGH
    title = "unix socket that others may use or replace"
    looks_at = "the socket, its folder, and $Conf{UmaskMode}"
    proof = "lstat of the socket and of every folder above it, parse"
    why = ("Who may write to the socket commands the server as root and backuppc do: with the stock"
           " empty secret nothing but the mode keeps him out.")
    fix = "$Conf{UmaskMode} = 027 or 077, then restart the server"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what umask, socket and folder let in."""
        mask = _umask(site)
        if mask & CLOSED_MASK == CLOSED_MASK:
            yield self.passed(UMASK, f"{mask:03o}")
        else:
            yield self.failed(UMASK, f"{mask:03o}: the socket becomes {0o777 & ~mask:04o}",
                              _line(site, UMASK))
        yield from self._of_files(site)

    def _of_files(self, site: Site) -> Iterator[Finding]:
        path, folder = _socket(site), site.settings.folder("RunDir")
        info = site.disk.lstat(path)
        if site.disk.stat(folder) is None or info is None:
            yield self.not_applicable(path, "no socket: the server doesn't run")
            return
        fault = weakest(site.disk, folder, frozenset({site.disk.superuser, site.uid()}))
        if fault is not None:
            yield self.found(State.FAIL, folder, fault.why, auto=Auto.MANUAL)
        mode = stat.S_IMODE(info.st_mode)
        if mode & stat.S_IWGRP or (mode & stat.S_IWOTH and others_write(site.disk, path).is_open):
            yield self.found(State.FAIL, path, f"mode {mode:04o}", auto=Auto.MANUAL)
        else:
            yield self.passed(path, f"mode {mode:04o}")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close what the server makes from its next start on."""
        if finding.state == State.FAIL and finding.subject == UMASK:
            yield ConfigRepair(None, (UMASK,), str(_umask(site) | CLOSED_MASK))


class FewDescriptors(_OfSocket):
    """SRV-06."""

    id = "SRV-06"
    severity = Severity.MEDIUM
    title = "server that idle connections can bring down"
    looks_at = "the limit of open files, where a TCP port is open"
    proof = "LimitNOFILE of the unit; with --live /proc/PID/limits"
    why = ("The server asks nobody for a password before it keeps his connection open, and it ends"
           " when no descriptor is left: running backups are lost.")
    fix = "no TCP port; else a drop-in with LimitNOFILE=65536, a firewall for the CGI's host"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield the limit where strangers can use it up, and who can reach the port."""
        server = _running(site)
        if not port(site) and not (server and server.ports):
            yield self.passed("LimitNOFILE", "no TCP port: only root and BackupPC can connect")
            return
        yield self._limit(site)
        yield self.unknown(PORT, "whether a firewall lets only the CGI's host through is not seen")

    def _limit(self, site: Site) -> Finding:
        server = _running(site)
        if server is not None:
            limit = process.descriptor_limit(server.pid)
            told = f"/proc/{server.pid}/limits: {'unlimited' if limit is None else limit}"
            enough = limit is None or limit >= LEAST_FILES
            return (self.passed if enough else self.failed)("LimitNOFILE", told)
        unit = find_unit(site.disk)
        value = unit.value("LimitNOFILE").partition(":")[0] if unit else ""
        if value == "infinity" or (value.isdigit() and int(value) >= LEAST_FILES):
            return self.passed("LimitNOFILE", f"LimitNOFILE={value}")
        return self.warned("LimitNOFILE", "the unit sets none that is high enough")


def _running(site: Site) -> Optional[Daemon]:
    """Return the server where it can be asked; SRV-04 says why where it can't."""
    try:
        return site.daemon() if site.live else None
    except Undecided:
        return None


def _umask(site: Site) -> int:
    value = _scalar(site, UMASK)
    if value is None:
        raise Undecided(UMASK, "is not set: what the service is started with counts")
    return int(number(value))


def _socket(site: Site) -> str:
    return f"{site.settings.folder('RunDir')}/BackupPC.sock"


def _named(ports: tuple[int, ...]) -> str:
    return "TCP port " + ", ".join(map(str, ports)) if ports else "no TCP port"


CHECKS: tuple[type[Check], ...] = (
    OpenPort, AnyPort, WeakSecret, NotReloaded, OpenSocket, FewDescriptors,
)
