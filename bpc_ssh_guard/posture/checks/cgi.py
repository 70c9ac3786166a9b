"""The CGI interface's program and page: who may run it, who gets in, and how it is reached."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.webserver import other_code, page
from ..finding import Auto, Finding, Section, Severity, State
from ..probe import http
from ..reach import others_read, weakest
from ..repair import ModeRepair, Repair
from .cgi_settings import CHECKS as OF_SETTINGS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from ..evidence.webserver import Page
    from ..site import Site

_CGI_MODE: Final = 0o4750
_OPEN_MODE: Final = 0o0755  # of one that is not set-id
_GOOD_HASH: Final = re.compile(r"\$2[aby]\$")  # bcrypt
_MOST_LINES: Final = 10_000  # of htpasswd


def _programs(site: Site) -> list[tuple[str, os.stat_result]]:
    """Return the CGI programs that are installed, links followed, each once."""
    found = {}
    for path in site.layout.cgi:
        info = site.disk.stat(path)
        if info is not None and stat.S_ISREG(info.st_mode):
            found[site.disk.real(path)] = info
    return [*found.items()]


class Executable(Check):
    """CGI-01."""

    id = "CGI-01"
    section = Section.CGI
    severity = Severity.CRITICAL
    title = "CGI program that others can run or change"
    looks_at = "mode, owner and folders of the CGI program"
    proof = "lstat of it and of every folder above it"
    why = ("The CGI is a setuid program that believes the name its caller gives: whoever may run"
           " it is BackupPC's administrator, and who may change it runs what he likes as backuppc.")
    fix = "chmod 4750, owner backuppc, group of the web server alone"
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield a finding for each program."""
        programs = _programs(site)
        if not programs:
            yield self.not_applicable("CGI", "none is installed where its layout has it")
        for path, info in programs:
            yield self._judged(site, path, info)

    def _judged(self, site: Site, path: str, info: os.stat_result) -> Finding:
        mode = stat.S_IMODE(info.st_mode)
        trusted = frozenset({site.disk.superuser, site.uid()})
        if info.st_mode & stat.S_ISUID and info.st_uid != site.uid():
            owner = site.accounts.user_name(info.st_uid)
            return self.found(State.FAIL, path, f"set-user-id {owner}, mode {mode:04o}",
                              auto=Auto.MANUAL)
        fault = weakest(site.disk, path, trusted)
        if fault is not None:
            ours = fault.by_mode and fault.path == path
            return self.found(State.FAIL, path, fault.why,
                              auto=Auto.MODE if ours else Auto.MANUAL)
        if info.st_mode & stat.S_ISUID and info.st_mode & stat.S_IXOTH:
            return self.failed(path, f"set-user-id and executable by everybody, mode {mode:04o}")
        kind = "set-user-id, for its group alone" if info.st_mode & stat.S_ISUID else "not set-id"
        return self.passed(path, f"{kind}, mode {mode:04o}")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Take from the program what others and its group should not have."""
        info = site.disk.stat(finding.subject)
        if finding.state == State.FAIL and finding.auto == Auto.MODE and info is not None:
            mask = _CGI_MODE if info.st_mode & stat.S_ISUID else _OPEN_MODE
            yield ModeRepair(finding.subject, mask)


class SharedGroup(Check):
    """CGI-02."""

    id = "CGI-02"
    section = Section.CGI
    severity = Severity.MEDIUM
    title = "other programs in the group that may run the CGI"
    looks_at = "group of the set-id CGI program: its accounts, and Apache's modules that run code"
    proof = "the group file, /etc/apache2/mods-enabled"
    why = ("Everything that runs as the web server's group can call the CGI under any name: one"
           " hole in a wiki on the same machine makes its finder BackupPC's administrator.")
    fix = "a web server of its own that runs as backuppc, so that nothing needs to be set-id"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield who else may run each set-id program."""
        set_id = [(path, info) for path, info in _programs(site) if info.st_mode & stat.S_ISUID]
        if not set_id:
            told = "no set-id program" if _programs(site) else "no CGI"
            yield (self.passed if _programs(site) else self.not_applicable)("CGI", told)
        for path, info in set_id:
            group = site.accounts.group_name(info.st_gid)
            runs = other_code(site)
            trusted = {site.user, site.accounts.user_name(site.disk.superuser), group}
            members = sorted(site.accounts.members(info.st_gid) - trusted)
            if runs or members:
                told = ", ".join([*(f"module {name}" for name in runs), *members])
                yield self.failed(path, f"group {group} has {told}")
            else:
                yield self.warned(path, f"all that runs as group {group} is administrator")


class Login(Check):
    """CGI-03."""

    id = "CGI-03"
    section = Section.CGI
    severity = Severity.CRITICAL
    title = "page that answers without a login"
    looks_at = "the entry page, asked for without a login; Apache's Require lines"
    proof = "with --live, one GET of the page; else the lines of the file"
    why = ("Without a login of the web server the CGI takes everybody for BackupPCUser, who is an"
           " administrator: backups of all hosts can be read and restored.")
    fix = "Require valid-user, with AuthType and AuthUserFile, for the folder of the CGI"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what the page answers, or what the file says."""
        if not _programs(site):
            yield self.not_applicable("CGI", "none is installed where its layout has it")
            return
        if site.live:
            answer = http.ask(http.address(site))
            found = {http.CLOSED: self.passed, http.OPEN: self.failed}.get(
                answer.verdict, self.unknown)
            yield found(answer.url, answer.told)
            return
        told = page(site)
        if not told.has("require", "valid-user") or not told.has("authtype"):
            yield self.warned(told.path, "no Require valid-user with an AuthType in it; --live asks"
                                         " the page itself")
        else:
            yield self.unknown(told.path, "it demands a login; --live asks the page itself")


class Transport(Check):
    """CGI-08."""

    id = "CGI-08"
    section = Section.CGI
    severity = Severity.MEDIUM
    title = "page without TLS, or with weak passwords"
    looks_at = "SSLRequireSSL and Require local for the page; mode and hashes of AuthUserFile"
    proof = "the lines of Apache's file for BackupPC's page, the mode and form of each hash"
    why = ("Passwords and restored files cross the network in clear, and old hashes of a file that"
           " leaked are guessed in hours.")
    fix = "SSLRequireSSL or Require local; htpasswd -B, chmod 0640"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what is wrong with the way to the page and with its passwords."""
        if not _programs(site):
            yield self.not_applicable("CGI", "none is installed where its layout has it")
            return
        told = page(site)
        if told.has("sslrequiressl") or told.has("require", "ssl"):
            yield self.passed(told.path, "TLS only")
        elif told.has("require", "local"):
            yield self.passed(told.path, "without TLS, and only from this machine")
        else:
            yield self.failed(told.path, "neither SSLRequireSSL nor Require local")
        yield self._passwords(site, told)

    def _passwords(self, site: Site, told: Page) -> Finding:
        path = told.argument("authuserfile")
        if path is None:
            return self.unknown(told.path, "no AuthUserFile: who gets in is decided elsewhere")
        try:
            text = site.disk.read(path).decode("utf-8", "surrogateescape")
            reach = others_read(site.disk, path)
        except FileNotFoundError:
            return self.unknown(path, "missing")
        if reach.is_open:
            return self.failed(path, reach.why)
        weak = _weak(text)
        if weak is None:
            raise Undecided(path, f"more than {_MOST_LINES} lines")
        if weak:
            return self.warned(path, f"{weak} hashes are not bcrypt")
        return self.passed(path, "closed to others, all hashes bcrypt")


def _weak(text: str) -> Optional[int]:
    """Return how many lines of an htpasswd hold another hash than bcrypt."""
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if len(lines) > _MOST_LINES:
        return None
    return sum(not _GOOD_HASH.match(line.partition(":")[2]) for line in lines)


CHECKS = (Executable, SharedGroup, Login, *OF_SETTINGS, Transport)
