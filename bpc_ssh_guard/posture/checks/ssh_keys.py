"""Whether backuppc's ssh keys serve one purpose each, are closed, and strong."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.identities import Identity, all_logins, offered, private_keys
from ..evidence.places import KEY_ACCOUNT, home
from ..finding import Auto, Finding, Section, Severity, State
from ..reach import others_read, weakest
from ..repair import ModeRepair, Repair
from .ssh_account import Doors, LoginShell
from .ssh_logins import Forwarding, Shell, Unpinned, shown

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from ..evidence.privatekey import PrivateKey
    from ..site import Site

_GROUP_OR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LEAST_RSA: Final = 3072  # NIST SP 800-57: 128 bits of strength
_OLD: Final = 2 * 365 * 86400  # seconds; bpc-ssh-keys rotates far sooner


class SharedKey(Check):
    """SSH-03."""

    id = "SSH-03"
    section = Section.SSH_KEYS
    severity = Severity.MEDIUM
    title = "one key for many hosts or purposes"
    looks_at = "the fingerprints of the keys that each host's ssh command offers"
    proof = "the identity files in effect, and the public halves in their headers"
    why = ("One stolen file then opens every client, for backups and restores alike, and no client"
           " can be taken out without changing all.")
    fix = "bpc-ssh-keys: one key for each host and purpose, rotated"
    auto = Auto.KEYS

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each key that serves more than one."""
        found, troubles = all_logins(site)
        told: set[tuple[str, str]] = {(each.host, each.error.reason) for each in troubles}
        uses: dict[str, tuple[Identity, set[tuple[str, str]]]] = {}
        for login in found:
            try:
                for identity in offered(site, login):
                    key = identity.key(site)
                    name = (key and key.fingerprint) or site.disk.real(identity.path)
                    uses.setdefault(name, (identity, set()))[1].add((login.host, login.purpose))
            except Undecided as error:
                told.add((error.subject, error.reason))
        for subject, reason in sorted(told):
            yield self.unknown(subject, reason)
        shared = False
        for name, (identity, served) in uses.items():
            hosts = sorted({host for host, _ in served})
            if len(hosts) > 1:
                shared = True
                yield self.failed(identity.path, f"{name} serves {shown(hosts)}")
            elif len(served) > 1:
                shared = True
                yield self.warned(identity.path,
                                  f"{name} serves backups and restores of {hosts[0]}")
        if not uses and not told:
            yield self.not_applicable("hosts", "no key is offered to any host")
        elif not shared and not told:
            yield self.passed("hosts", f"{len(uses)} keys, each for one host and purpose")


class LooseKeys(Check):
    """SSH-05."""

    id = "SSH-05"
    section = Section.SSH_KEYS
    severity = Severity.CRITICAL
    title = "private key not closed"
    looks_at = "mode and owner of private keys, of ~backuppc/.ssh, and of the folders above"
    proof = "lstat of each"
    why = ("The key is all that a login as root on the clients needs: whoever can read it, or put"
           " another in its place, has it.")
    fix = "chmod 0600 the key, 0700 .ssh; owner backuppc"
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield the folder and each key that is loose."""
        folder = f"{home(site)}/.ssh"
        keys, troubles = private_keys(site)
        clean = not troubles
        for trouble in troubles:
            yield self.unknown(trouble.host, trouble.error.reason, trouble.error.line)
        trusted = frozenset({site.disk.superuser, site.uid()})
        if site.disk.stat(folder) is not None:
            fault = weakest(site.disk, folder, trusted)
            if fault is not None:
                clean = False
                yield self.found(State.FAIL, fault.path, fault.why,
                                 auto=Auto.MODE if fault.by_mode else Auto.MANUAL)
            elif others_read(site.disk, folder).is_open:
                clean = False
                yield self.found(State.FAIL, site.disk.real(folder),
                                 others_read(site.disk, folder).why, severity=Severity.MEDIUM)
        elif not keys:
            yield self.not_applicable(folder, "no key there")
            return
        for identity in keys:
            finding = self._of(site, identity.path, trusted)
            if finding is not None:
                clean = False
                yield finding
        if clean:
            yield self.passed(folder, f"{len(keys)} private keys, closed to group and others")

    def _of(self, site: Site, path: str, trusted: frozenset[int]) -> Optional[Finding]:
        real = site.disk.real(path)
        info = site.disk.stat(real)
        if info is None:
            return None
        mode = f"mode {stat.S_IMODE(info.st_mode):04o}"
        if _is_lent(site, info):
            return None
        if info.st_uid not in trusted:
            owner = site.accounts.user_name(info.st_uid)
            return self.found(State.FAIL, real, f"belongs to {owner}, {mode}", auto=Auto.MANUAL)
        if not info.st_mode & _GROUP_OR_OTHERS:
            return None
        # Below a closed folder it is no leak, but ssh itself refuses such a key.
        reach = others_read(site.disk, real)
        is_leak = reach.is_open or info.st_mode & stat.S_IRWXG
        return self.found(State.FAIL, real, f"{mode}; {reach.why}",
                          severity=None if is_leak else Severity.MEDIUM)

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Take away what group and others have."""
        if finding.state != State.FAIL or finding.auto != Auto.MODE:
            return
        info = site.disk.stat(finding.subject)
        if finding.subject == site.disk.real(f"{home(site)}/.ssh"):
            yield ModeRepair(finding.subject, 0o700)
        elif info is not None and stat.S_ISDIR(info.st_mode):
            yield ModeRepair(finding.subject, 0o7755)
        else:
            yield ModeRepair(finding.subject, 0o600)


def _is_lent(site: Site, info: os.stat_result) -> bool:
    """Return whether a key is root's or the key server's, and backuppc's group may only read it.

    So bpc-ssh-keys lays them out, and ssh takes them: it judges the mode of its own files only.
    """
    account, owner = site.accounts.user(site.user), site.accounts.user_name(info.st_uid)
    root = site.accounts.user_name(site.disk.superuser)
    readers = site.accounts.members(info.st_gid) - {site.user, root, KEY_ACCOUNT}
    return (account is not None and owner in (root, KEY_ACCOUNT) and owner != site.user
            and info.st_gid == account.gid and not readers
            and not info.st_mode & (stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO))


class WeakKeys(Check):
    """SSH-06."""

    id = "SSH-06"
    section = Section.SSH_KEYS
    severity = Severity.LOW
    title = "weak or old key"
    looks_at = "type, size and age of each private key"
    proof = "the header of the key; the public half tells RSA's size"
    why = ("dsa and short RSA keys are within reach of who has the means, sshd refuses some of them"
           " already, and a key of many years has been in many backups.")
    fix = "bpc-ssh-keys: ed25519, rotated"
    auto = Auto.KEYS

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each key that is weak, old, or not understood."""
        keys, troubles = private_keys(site)
        for trouble in troubles:
            yield self.unknown(trouble.host, trouble.error.reason, trouble.error.line)
        clean, bare = not troubles, 0
        for identity in keys:
            try:
                key = identity.key(site)
            except Undecided as error:
                clean = False
                yield self.unknown(identity.path, error.reason)
                continue
            finding = self._of(site, identity.path, key)
            if finding is not None:
                clean = False
                yield finding
            bare += key is not None and not key.encrypted
        if clean and not keys:
            yield self.not_applicable(f"{home(site)}/.ssh", "no key there")
        elif clean:
            # A daemon has nobody to type it in: what a key may do is SSH-01's.
            yield self.passed(f"{home(site)}/.ssh", f"{len(keys)} keys, strong and young; {bare}"
                                                    " without passphrase, as a daemon's must be")

    def _of(self, site: Site, path: str, key: Optional[PrivateKey]) -> Optional[Finding]:
        if key is None or not key.kind:
            return self.unknown(path, "a private key in a form that isn't known")
        if key.kind == "ssh-dss":
            return self.failed(path, "dsa, 1024 bits")
        if key.kind == "ssh-rsa" and key.bits is None:
            return self.unknown(path, "rsa of unknown size: encrypted, and no .pub file beside it")
        if key.bits is not None and key.bits < _LEAST_RSA:
            return self.failed(path, f"rsa, {key.bits} bits")
        info = site.disk.stat(path)
        if info is not None and time.time() - info.st_mtime > _OLD:
            day = time.strftime("%Y-%m-%d", time.gmtime(info.st_mtime))
            return self.warned(path, f"{key.kind}, unchanged since {day}")
        return None


CHECKS = (Shell, Unpinned, SharedKey, Forwarding, LooseKeys, WeakKeys, Doors, LoginShell)
