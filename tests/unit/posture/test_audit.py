"""An audit: what a check can't tell is unknown, and one that fails hides no other."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.audit import run
from bpc_ssh_guard.posture.check import Check
from bpc_ssh_guard.posture.checks import CHECKS
from bpc_ssh_guard.posture.finding import Auto, Section, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpc_ssh_guard.posture.finding import Finding
    from bpc_ssh_guard.posture.site import Site
    from tests.posture_tree import ServerTree

SECRET = "Hunter2-in-an-exception"
MOST_RESIDENT = 80 * 1024  # KiB


class _Sample(Check):
    id, section, severity, auto = "X-01", Section.POOL, Severity.HIGH, Auto.MANUAL
    title = looks_at = proof = why = fix = "a sample"

    def judge(self, site: Site) -> Iterator[Finding]:
        yield self.passed("first", "seen")
        self.go_on()

    def go_on(self) -> None:
        raise NotImplementedError


class _Undecided(_Sample):
    def go_on(self) -> None:
        raise Undecided("/etc/backuppc/config.pl", "is no data", 7)


class _Failing(_Sample):
    def go_on(self) -> None:
        raise KeyError(SECRET)


class _Silent(_Sample):
    def judge(self, site: Site) -> Iterator[Finding]:
        return iter(())


class _Live(_Sample):
    needs_live = True


def test_keeps_what_was_found_before_it_could_not_be_told(stock: ServerTree) -> None:
    found = run(stock.site(), [_Undecided]).findings
    assert [(each.state, each.subject, each.line) for each in found] == [
        (State.PASS, "first", None), (State.UNKNOWN, "/etc/backuppc/config.pl", 7)]


def test_a_check_that_fails_is_unknown_and_says_where_but_nothing_it_held(
    stock: ServerTree,
) -> None:
    audit = run(stock.site(), [_Failing, CHECKS[0]])
    assert audit.findings[1].state == State.UNKNOWN
    assert "KeyError at test_audit.py:" in audit.findings[1].evidence
    assert SECRET not in repr(audit)
    assert audit.findings[2].id == CHECKS[0].id


def test_a_check_that_says_nothing_is_unknown(stock: ServerTree) -> None:
    assert [each.state for each in run(stock.site(), [_Silent]).findings] == [State.UNKNOWN]


def test_a_probe_that_was_not_asked_for_is_unknown(stock: ServerTree) -> None:
    audit = run(stock.site(), [_Live])
    assert [each.evidence for each in audit.findings] == ["asked only with --live"]
    assert (audit.decided, audit.total) == (0, 1)


def test_knows_server_version_and_layout(stock: ServerTree) -> None:
    stock.write("/etc/hostname", "backup1\n")
    audit = run(stock.site(), CHECKS)
    assert (audit.host, audit.layout, audit.backuppc) == ("backup1", "debian", "4.4.0")


def test_a_stock_server_is_judged_in_little_memory(stock: ServerTree) -> None:
    # Not getrusage(2): what the parent had before exec counts there.
    code = ("import re, sys; from bpc_ssh_guard.__main__ import main;"
            "main(['posture', 'audit', '--root', sys.argv[1], '--save', sys.argv[2]]);"
            "status = open('/proc/self/status').read();"
            "print('KiB', re.search(r'VmHWM:\\s*([0-9]+) kB', status)[1])")
    done = subprocess.run([sys.executable, "-c", code, stock.root, stock.root / "saved"],
                          check=True, timeout=60, capture_output=True, text=True)
    assert (stock.root / "saved").exists()
    assert int(done.stdout.split("KiB ")[1]) <= MOST_RESIDENT
