"""Whether what BackupPC's ssh commands can do on the clients, and reveal to them, is bounded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.identities import all_logins, command, effective
from ..finding import Auto, Finding, Section, Severity, State
from ..probe import ssh
from ..repair import ConfigRepair, Repair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ...backuppc.accounts import Account
    from ...backuppc.settings import Value
    from ..evidence.logins import Login
    from ..evidence.sshconfig import Option, SshConfig
    from ..site import Site

_SHOWN: Final = 5
_OFF: Final = ("no", "off", "false")
_PINNED: Final = (
    (re.compile(r"(StrictHostKeyChecking)([= ])(?:no|off)\b", re.IGNORECASE), r"\1\2yes"),
    (re.compile(r"(ForwardAgent)([= ])(?!no\b)[^\s']+", re.IGNORECASE), r"\1\2no"),
    (re.compile(r"\s-o\s*UserKnownHostsFile[= ]/dev/null(?=\s|$)", re.IGNORECASE), ""),
    (re.compile(r"(?<=\s)-A(?=\s|$)"), "-a"),
)


def shown(hosts: Iterable[str]) -> str:
    """Return HOSTS for a line of evidence."""
    names = list(dict.fromkeys(hosts))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


class Shell(Check):
    """SSH-01."""

    id = "SSH-01"
    section = Section.SSH_KEYS
    severity = Severity.CRITICAL
    title = "key that gives a shell on the clients"
    looks_at = "what a login with each host's key may run; without --live who it logs in as"
    proof = ("with --live a login with a nonce for a command: 127 is a shell's answer, 126 the"
             " guard's; without, the settings show only a login as root")
    why = ("Whoever gets a shell as backuppc gets one as root on every client: a serious compromise"
           " of your entire network, in the words of BackupPC's security FAQ.")
    fix = ("install the guard on the client (bpc-ssh-guardctl install), and authorize the key with"
           " `bpc-ssh-guardctl authorize`")
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what the settings tell: root's logins, and those that only a probe can judge."""
        found, troubles = all_logins(site)
        for trouble in troubles:
            yield self.unknown(trouble.host, trouble.error.reason, trouble.error.line)
        if can_probe(site):
            yield from probed(self, site, found, self.answered)
            found = []
        elif not found and not troubles:
            yield self.not_applicable("hosts", "no host is backed up over ssh")
        sources: dict[str, list[Login]] = {}
        for login in found:
            sources.setdefault(login.source, []).append(login)
        for source, logins in sources.items():
            place = logins[0].place
            line = place.line if place else None
            root = [login.host for login in logins if _user(site, login) == "root"]
            other = [login.host for login in logins if login.host not in root]
            if root:
                yield self.warned(source, f"logs in as root on {shown(root)}; what the key may do"
                                          " there is seen only with --live", line)
            if other:
                yield self.unknown(source, f"what the key may do on {shown(other)} is seen only"
                                           " with --live", line)

    def answered(self, account: Account, subject: str, words: list[str]) -> Finding:
        """Return what a probe of WORDS says of SUBJECT; raise Undecided."""
        answer = ssh.scope(account, words)
        state = {ssh.Scope.SHELL: State.FAIL, ssh.Scope.GUARD: State.PASS,
                 ssh.Scope.OTHER: State.WARN}[answer.scope]
        return self.found(state, subject, answer.told)


def can_probe(site: Site) -> bool:
    """Return whether the clients may be asked: this machine's own, and only with --live."""
    return site.live and str(site.disk.root) == "/"


def probed(check: Check, site: Site, logins: list[Login],
           ask: Callable[[Account, str, list[str]], Finding]) -> Iterator[Finding]:
    """Yield what ASK finds of each login, once for each key; a refused one isn't tried again."""
    account = site.accounts.user(site.user)
    if account is None:
        raise Undecided(site.user, "no such account in /etc/passwd")
    if not logins:
        yield check.not_applicable("hosts", "no host is backed up over ssh")
    asked = set()
    for login in logins:
        words = command(site, login)
        if tuple(words) in asked:
            continue
        asked.add(tuple(words))
        subject = f"{login.host} {login.purpose}"
        try:
            yield ask(account, subject, words)
        except Undecided as error:
            yield check.unknown(subject, error.reason)


def _user(site: Site, login: Login) -> Optional[str]:
    """Return who LOGIN logs in as, as far as the files say."""
    try:
        option = effective(site, login).first("user")
    except Undecided:
        return login.user
    return option.value if option else None


class Unpinned(Check):
    """SSH-02."""

    id = "SSH-02"
    section = Section.SSH_KEYS
    severity = Severity.HIGH
    title = "host keys unchecked, or the agent forwarded"
    looks_at = ("StrictHostKeyChecking, UserKnownHostsFile and ForwardAgent, in BackupPC's"
                " commands, ~backuppc/.ssh/config and /etc/ssh/ssh_config")
    proof = "the files are read as ssh reads them; with --live `ssh -G` as backuppc"
    why = ("Without a pinned host key any machine can pose as the client: it gets the restored"
           " files, and feeds the backups. A forwarded agent lends it the key for the others.")
    fix = "StrictHostKeyChecking=yes with a pinned key (`bpc-ssh-keys render`), ForwardAgent=no"
    auto = Auto.CONFIG

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each place of an unsafe option, with the hosts it concerns."""
        found, troubles = all_logins(site)
        for trouble in troubles:
            yield self.unknown(trouble.host, trouble.error.reason, trouble.error.line)
        faults: dict[tuple[str, Optional[int], Auto], tuple[dict[str, None], list[str]]] = {}
        undecided = set()
        for login in found:
            try:
                options = unsafe(effective(site, login))
            except Undecided as error:
                if (error.subject, error.line) not in undecided:
                    undecided.add((error.subject, error.line))
                    yield self.unknown(error.subject, error.reason, error.line)
                continue
            for option in options:
                told, hosts = faults.setdefault(_where(login, option), ({}, []))
                told[f"{option.name} {option.value}"] = None
                hosts.append(login.host)
        for (subject, line, auto), (told, hosts) in faults.items():
            yield self.found(State.FAIL, subject, f"{', '.join(told)}; for {shown(hosts)}",
                             line=line, auto=auto)
        if not found and not troubles:
            yield self.not_applicable("hosts", "no host is backed up over ssh")
        elif not faults and not troubles and not undecided:
            yield self.passed("hosts", f"{len(found)} ssh commands check the host's key")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Give the setting its value with the unsafe options turned round."""
        name, _, path = finding.subject.partition(" in ")
        for file in site.settings.files():
            if finding.auto == Auto.CONFIG and file.path == path and name in file.keys:
                value = file.keys[name]
                pinned = _pinned(value)
                if pinned != value:
                    yield ConfigRepair(file.host, (name,), pinned)


def unsafe(config: SshConfig) -> list[Option]:
    """Return the options in effect that give up the host's identity or lend the agent."""
    checking, known, agent = (config.first(name) for name in
                              ("stricthostkeychecking", "userknownhostsfile", "forwardagent"))
    found = []
    if checking is not None and checking.value.lower() in _OFF:
        found.append(checking)
    if known is not None and "/dev/null" in known.value.split():
        found.append(known)
    if agent is not None and agent.value.lower() not in _OFF:
        found.append(agent)
    return found


def _where(login: Login, option: Option) -> tuple[str, Optional[int], Auto]:
    if option.path:
        return option.path, option.line, Auto.MANUAL
    if option not in login.options:  # ssh -G doesn't say which file it is from
        return login.host, None, Auto.MANUAL
    return login.source, login.place.line if login.place else None, Auto.CONFIG


def _pinned(value: Value) -> Value:
    if isinstance(value, list):
        return [_pinned(each) for each in value]
    if not isinstance(value, str):
        return value
    for pattern, better in _PINNED:
        value = pattern.sub(better, value)
    return value


class Forwarding(Check):
    """SSH-04."""

    id = "SSH-04"
    section = Section.SSH_KEYS
    severity = Severity.HIGH
    title = "key that may forward"
    looks_at = "whether a client's sshd grants a remote forwarding to the key"
    proof = "with --live a login that asks for one and for nothing else"
    why = ("A key without restrict opens a tunnel into the client's network although it runs"
           " nothing but backups: past every packet filter between the two.")
    fix = "restrict as the first option of the key's line in the client's authorized_keys"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield that only a probe can tell, or that there is no key to judge."""
        found, troubles = all_logins(site)
        for trouble in troubles:
            yield self.unknown(trouble.host, trouble.error.reason, trouble.error.line)
        if can_probe(site):
            yield from probed(self, site, found, self.answered)
        elif found:
            yield self.unknown("hosts", f"{shown(login.host for login in found)}: seen only with"
                                        " --live")
        elif not troubles:
            yield self.not_applicable("hosts", "no host is backed up over ssh")

    def answered(self, account: Account, subject: str, words: list[str]) -> Finding:
        """Return what a probe of WORDS says of SUBJECT; raise Undecided."""
        if ssh.forwards(account, words):
            return self.failed(subject, "a remote forwarding was granted (and given up at once)")
        return self.passed(subject, "the client's sshd refused a remote forwarding")
