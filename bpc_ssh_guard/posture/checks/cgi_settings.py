"""The CGI interface's settings: who is an administrator, and what an owner of a host may edit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.perl.values import Value, is_true, number, text
from ...backuppc.undecided import Undecided
from ..check import Check
from ..finding import Auto, Finding, Section, Severity, State
from ..repair import ConfigRepair, Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..site import Site

# What names a program, or an argument that can: RsyncSshArgs' -e runs one as backuppc.
_RUN_SOMETHING: Final = frozenset({
    "RsyncSshArgs", "RsyncArgs", "RsyncArgsExtra", "RsyncFullArgsExtra", "RsyncIncrArgsExtra",
    "RsyncRestoreArgs", "RsyncRestoreArgsExtra", "RsyncClientPath", "RsyncBackupPCPath",
    "TarFullArgs", "TarIncrArgs", "TarClientPath", "SmbClientPath", "ClientNameAlias", "RsyncdSsh",
})
# Debian's EditConfig.pm refuses it whatever the file says.
_CLOSED_BY_DEBIAN: Final = "ClientNameAlias"
_WORD: Final = re.compile(r"\w+", re.ASCII)
_EDIT: Final = "CgiUserConfigEdit"
_ENABLE: Final = "CgiUserConfigEditEnable"


def _words(site: Site, name: str) -> list[str]:
    """Return the names in the setting NAME; raise Undecided where it is no text."""
    value = site.setting(name)
    if isinstance(value, (list, dict)):
        raise Undecided(name, "not text")
    return text(value).replace(",", " ").split()


class ServerAccount(Check):
    """CGI-04."""

    id = "CGI-04"
    section = Section.CGI
    severity = Severity.HIGH
    title = "everybody, or BackupPC's own account, is an administrator"
    looks_at = "CgiAdminUsers"
    proof = "the setting in effect"
    why = ("A page that has lost its login takes everybody for BackupPCUser: as long as that name"
           " is an administrator's, everybody is one.")
    fix = "a name of its own in CgiAdminUsers, and not BackupPCUser's"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what the setting admits."""
        words = _words(site, "CgiAdminUsers")
        place = site.settings.place("CgiAdminUsers")
        line = place.line if place else None
        wrong = [word for word in words if word == "*" or site.user in _WORD.findall(word)]
        if not wrong:
            yield self.passed("CgiAdminUsers", f"{len(words)} names, none of them {site.user}")
            return
        told = "*: everybody with a login" if "*" in wrong else site.user
        left = [word for word in words if word not in wrong]
        # Without a name left nobody would be an administrator: a person must choose one.
        yield self.found(State.FAIL, "CgiAdminUsers", told, line=line,
                         auto=Auto.CONFIG if left else Auto.MANUAL)

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Leave the other names."""
        left = [word for word in _words(site, "CgiAdminUsers")
                if word != "*" and site.user not in _WORD.findall(word)]
        if finding.state == State.FAIL and left:
            yield ConfigRepair(None, ("CgiAdminUsers",), " ".join(left))


class Editable(Check):
    """CGI-05."""

    id = "CGI-05"
    section = Section.CGI
    severity = Severity.CRITICAL
    title = "owners of hosts may edit what runs programs"
    looks_at = ("CgiUserConfigEdit and CgiUserConfigEditEnable, in config.pl and in every host's"
                " file")
    proof = "the settings in effect for each host"
    why = ("The owner of one host can have a program of his run as backuppc: a serious compromise"
           " of your entire network, without any break-in.")
    fix = "set these keys of CgiUserConfigEdit to 0, or CgiUserConfigEditEnable = 0"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield a finding for the server, and for each host whose own file opens more."""
        server = self._open(site, None)
        yield from self._told(site, None, server)
        if self._may_edit(site, "ArchiveDest"):
            yield self.warned("ArchiveDest", "owners say where archives are written as backuppc")
        for host in site.settings.hosts:
            try:
                own = site.settings.host_settings(host.name)
                if _EDIT in own or _ENABLE in own:
                    more = [key for key in self._open(site, host.name) if key not in server]
                    if more:
                        yield from self._told(site, host.name, more)
            except Undecided as error:
                yield self.unknown(error.subject, error.reason, error.line)
        if site.settings.hosts_trouble is not None:
            raise site.settings.hosts_trouble

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Set each key to 0 in the file that opens it."""
        if finding.state != State.FAIL:
            return
        for host in (None, *(each.name for each in site.settings.hosts)):
            if finding.subject == _subject(host):
                closed = frozenset(self._open(site, None)) if host else frozenset()
                for key in self._open(site, host):
                    if key not in closed:
                        yield ConfigRepair(host, (_EDIT, key), "0")

    def _open(self, site: Site, host: Optional[str]) -> list[str]:
        """Return the keys that an owner may edit and that could run something."""
        if not is_true(site.setting(_ENABLE, host)):
            return []
        value = site.setting(_EDIT, host)
        if value is None:
            return []
        if not isinstance(value, dict):
            raise Undecided(_EDIT, "not a hash")
        return sorted(key for key, may in value.items() if self._may(site, key, may))

    def _may_edit(self, site: Site, key: str) -> bool:
        value = site.setting(_EDIT)
        return (is_true(site.setting(_ENABLE)) and isinstance(value, dict)
                and is_true(value.get(key)))

    def _may(self, site: Site, key: str, may: Value) -> bool:
        if key == _CLOSED_BY_DEBIAN and site.layout.name == "debian":
            return False
        return is_true(may) and (key in _RUN_SOMETHING or key.endswith("Cmd"))

    def _told(self, site: Site, host: Optional[str], keys: list[str]) -> Iterator[Finding]:
        place = site.settings.place(_EDIT, host)
        line = place.line if place else None
        if keys:
            yield self.failed(_subject(host), ", ".join(keys), line)
        elif host is None and is_true(site.setting(_ENABLE)):
            yield self.passed(_subject(host), "what owners may edit runs nothing")
        elif host is None:
            yield self.passed(_subject(host), "owners may edit nothing")


def _subject(host: Optional[str]) -> str:
    return _EDIT if host is None else f"{_EDIT} of {host}"


class LooseNames(Check):
    """CGI-06."""

    id = "CGI-06"
    section = Section.CGI
    severity = Severity.HIGH
    title = "names of administrators that let in others"
    looks_at = "CgiAdminUsers and the members of CgiAdminUserGroup"
    proof = "the settings and the group file: names with other signs than letters, digits and _"
    why = ("Administrators are found as parts of words: backup-admin in the list makes admin and"
           " backup administrators, too.")
    fix = "names of letters, digits and _ alone"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each name with what it lets in."""
        clean = True
        members: list[tuple[str, str]] = [("CgiAdminUsers", word)
                                          for word in _words(site, "CgiAdminUsers")]
        for name in _words(site, "CgiAdminUserGroup"):
            group = site.accounts.group(name)
            members += [(f"group {name}", member) for member in (group.members if group else ())]
        for where, word in members:
            parts = _WORD.findall(word)
            if word != "*" and parts != [word]:
                clean = False
                yield self.failed(f"{word} in {where}",
                                  f"lets in {', '.join(parts) or 'nobody, and is no name'}")
        if clean:
            yield self.passed("CgiAdminUsers", f"{len(members)} names of administrators, all plain")


class ScgiServer(Check):
    """CGI-07."""

    id = "CGI-07"
    section = Section.CGI
    severity = Severity.HIGH
    title = "SCGI server that believes every caller"
    looks_at = "SCGIServerPort"
    proof = "the setting in effect: listening is proof enough"
    why = ("The SCGI server has no login: every account of the machine can connect to it and say"
           " which administrator it is.")
    fix = "$Conf{SCGIServerPort} = -1"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield whether it listens."""
        if not site.settings.is_set("SCGIServerPort"):
            yield self.not_applicable("SCGIServerPort", "this BackupPC has none")
            return
        value = site.setting("SCGIServerPort")
        if isinstance(value, (list, dict)):
            raise Undecided("SCGIServerPort", "not a number")
        place = site.settings.place("SCGIServerPort")
        if number(value) > 0:
            yield self.failed("SCGIServerPort", f"listens on port {number(value)}",
                              place.line if place else None)
        else:
            yield self.passed("SCGIServerPort", "does not listen")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close it."""
        if finding.state == State.FAIL:
            yield ConfigRepair(None, ("SCGIServerPort",), "-1")


CHECKS = (ServerAccount, Editable, LooseNames, ScgiServer)
