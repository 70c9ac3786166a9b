"""Whether BackupPC's account is a door: into it, or from it to root."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Optional

from ...authorized_keys.line import parse_file
from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.places import home
from ..evidence.sshconfig import key_files
from ..evidence.sudoers import rules_of
from ..finding import Auto, Finding, Section, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..evidence.sudoers import Rule
    from ..site import Site

_NO_SHELLS: Final = ("nologin", "false")
# Programs that are as good as root's shell: they read, write or run anything by their arguments.
_AS_GOOD_AS_ROOT: Final = re.compile(r"(?:^|/)(?:tar|rsync|env|nice|sh|bash|su|ssh|cpio)(?:\s|$)")
_GUARD: Final = re.compile(r"(?:/[^\s]+)?/bpc-ssh-guard(?:\s|$)")


class Doors(Check):
    """SSH-07."""

    id = "SSH-07"
    section = Section.SSH_KEYS
    severity = Severity.HIGH
    title = "way in to backuppc, or from it to root"
    looks_at = ("backuppc's own authorized_keys, wherever sshd_config has them, and what sudoers"
                " lets it run on this server")
    proof = "the files are parsed; a client's sudoers is seen by `bpc-ssh-guardctl doctor` there"
    why = ("A key that logs in as backuppc has its keys to all clients; tar and rsync under sudo"
           " read, write and run what their arguments say, so they are root.")
    fix = "remove authorized_keys; let sudoers name bpc-ssh-guard and nothing else"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each key and each rule."""
        findings = [*self._keys(site), *self._sudo(site)]
        yield from findings or [
            self.passed(site.user, "no key logs in as it, and sudo lets it run nothing as root")]

    def _keys(self, site: Site) -> Iterator[Finding]:
        for path in key_files(site.disk, home(site), site.user):
            try:
                data = site.disk.read(path)
            except FileNotFoundError:
                continue
            except Undecided as error:
                yield self.unknown(path, error.reason)
                continue
            lines = [(number, line) for number, line in enumerate(parse_file(data), 1)
                     if line.blob is not None and line.fault is None]
            free = [number for number, line in lines if line.value(b"command") is None]
            if free:
                yield self.failed(path, f"{len(free)} keys log in as {site.user}", free[0])
            elif lines:
                yield self.warned(path, f"{len(lines)} keys with a forced command", lines[0][0])

    def _sudo(self, site: Site) -> Iterator[Finding]:
        account = site.accounts.user(site.user)
        uid = site.uid()
        groups = frozenset(
            group.name for group in site.accounts.groups
            if site.user in group.members or (account is not None and group.gid == account.gid))
        try:
            rules = rules_of(site.disk, site.user, uid, groups)
        except Undecided as error:
            yield self.unknown(error.subject, error.reason, error.line)
            return
        for rule in rules:
            finding = self._rule(rule)
            if finding is not None:
                yield finding

    def _rule(self, rule: Rule) -> Optional[Finding]:
        others = [each for each in rule.commands
                  if not each.startswith("!") and not _GUARD.match(each)]
        strong = [each for each in others if each == "ALL" or _AS_GOOD_AS_ROOT.search(each)]
        if strong:
            return self.failed(rule.path, f"as good as root: {strong[0].split(' ')[0]}", rule.line)
        if others:
            return self.warned(rule.path, f"may run {others[0].split(' ')[0]}", rule.line)
        return None


class LoginShell(Check):
    """SSH-08."""

    id = "SSH-08"
    section = Section.SSH_KEYS
    severity = Severity.LOW
    title = "backuppc can log in"
    looks_at = "the login shell of BackupPC's account"
    proof = "passwd"
    why = ("Nobody works as backuppc; daemon, backups and web interface need no login shell, and a"
           " stolen or guessed password needs one.")
    fix = "usermod -s /usr/sbin/nologin backuppc"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield the shell."""
        account = site.accounts.user(site.user)
        if account is None:
            raise Undecided(site.user, "no such account in /etc/passwd")
        if account.shell.rpartition("/")[2] in _NO_SHELLS:
            yield self.passed(site.user, f"shell {account.shell}")
        else:
            yield self.failed(site.user, f"shell {account.shell or '/bin/sh'}")
