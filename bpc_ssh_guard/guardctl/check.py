"""Test one client's side as `sshd -t` tests sshd's: policy, machine, launcher, keys, account."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Optional

from ..authorized_keys import parse_file
from ..authorized_keys.file import MAX_SIZE
from ..errors import GuardFailure
from ..policy import load
from .checks import account as accounts
from .checks import machine
from .checks.confinement import check_confinement
from .checks.finding import Finding, Severity
from .checks.keys import Entry, check_lines
from .checks.launcher import check_launcher
from .checks.purposes import check_purposes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..policy.model import Policy
    from .checks.account import Account

__all__ = ["Finding", "Severity", "check"]


def check(policy_path: str, authorized_keys_paths: Optional[Sequence[str]] = None, *,
          account: Optional[Account] = None, sshd_config: Optional[str] = None) -> list[Finding]:
    """Return what is to be said of the policy at POLICY_PATH and of the keys that use it.

    The keys are those in AUTHORIZED_KEYS_PATHS, by default where sshd looks for ACCOUNT's, and that
    is by default the account that runs this. Nothing is changed.
    """
    account = account or accounts.Account.current()
    findings: list[Finding] = []
    policy = None
    try:
        policy = load.load(os.fsencode(os.path.abspath(policy_path)))
    except GuardFailure as failure:
        findings.append(Finding.from_complaint(Severity.ERROR, failure.detail))
    if policy is not None:
        findings += _check_machine(policy, account)
    findings += _check_keys(policy, authorized_keys_paths, account, sshd_config)
    findings += accounts.check_shell(account)
    return findings


def _check_machine(policy: Policy, account: Account) -> Iterator[Finding]:
    yield from machine.check_roots(policy, account)
    yield from machine.check_log(policy, account)
    yield from machine.check_programs(policy, account)
    yield from check_confinement(policy)
    yield from check_purposes(policy)


def _check_keys(policy: Optional[Policy], paths: Optional[Sequence[str]], account: Account,
                sshd_config: Optional[str]) -> Iterator[Finding]:
    named = paths is not None
    if paths is None:
        settings = accounts.sshd_settings(account, sshd_config)
        yield from accounts.check_settings(account, settings)
        paths = accounts.keys_files(account, settings)
    entries: list[Entry] = []
    for path in paths:
        try:
            entries += _read(path)
            yield from accounts.check_modes(path, account)
        except FileNotFoundError:
            if named:
                yield Finding(Severity.ERROR, path, "there is no such file",
                              "bpc-ssh-guardctl authorize --add makes it")
        except OSError as error:
            yield Finding(Severity.ERROR, path, f"can't be read: {error.strerror}",
                          "run this as root or as the file's owner")
    yield from check_lines(entries, policy)
    calls = (entry.call for entry in entries if entry.call)
    for call in {(call.interpreter, call.program): call for call in calls}.values():
        yield from check_launcher(call, account)


def _read(path: str) -> Iterator[Entry]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a fifo makes none wait
    with open(descriptor, "rb") as file:
        data = file.read(MAX_SIZE) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    for number, line in enumerate(parse_file(data), 1):
        yield Entry(path, number, line)
