"""Findings and reports made by hand, for what is laid beside them and how they are shown."""

from __future__ import annotations

from bpc_ssh_guard.posture.audit import Audit
from bpc_ssh_guard.posture.finding import Auto, Finding, Section, Severity, State
from bpc_ssh_guard.posture.report import Bar, Report
from bpc_ssh_guard.posture.waivers import Waived

STARTED = "2026-11-28T02:00:00Z"


def finding(
    state: State = State.FAIL, severity: Severity = Severity.HIGH, *, check: str = "SEC-03",
    subject: str = "/etc/backuppc/config.pl.old", section: Section = Section.PASSWORDS,
    evidence: str = "open to others", line: int | None = None, waived: str | None = None,
) -> Finding:
    """Return a finding; what a test doesn't name is of no matter to it."""
    return Finding(check, section, severity, state, "a forgotten copy of a secret", subject,
                   evidence, "stat", "chmod 0600", Auto.MODE, line, waived)


def audit_of(*findings: Finding) -> Audit:
    """Return the audit that found FINDINGS."""
    return Audit("backup1", STARTED, "debian", "4.4.0", findings)


def report_of(*findings: Finding, bar: Bar | None = None) -> Report:
    """Return the report of an audit that found FINDINGS."""
    return Report(audit_of(*findings), Waived(findings), bar=bar or Bar())
