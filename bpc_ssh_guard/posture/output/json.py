"""The report for programs, and for the next audit's --baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ... import __version__
from ..baseline import SCHEMA

if TYPE_CHECKING:
    from ..finding import Finding
    from ..report import Report

PROGRAM: Final = "bpc-ssh-posture"


def as_json(report: Report) -> dict[str, Any]:
    """Return REPORT in the one shape that all programs read."""
    audit = report.audit
    content: dict[str, Any] = {
        "schema": SCHEMA, "program": PROGRAM, "version": __version__,
        "host": audit.host, "started": audit.started,
        "backuppc": {"version": audit.backuppc, "layout": audit.layout},
        "completeness": {"decided": audit.decided, "total": audit.total},
        "scores": [
            {**score.as_json(), **({} if report.baseline is None else {"before": before})}
            for score, before in report.scores
        ],
        "findings": [_finding(report, each) for each in report.findings],
        "waivers": [waiver.as_json(trouble) for waiver, trouble in report.idle_waivers],
    }
    if report.baseline is not None:
        content["baseline"] = {
            "started": report.baseline.started,
            "absent": [{"id": each.id, "subject": each.subject, "title": each.title}
                       for each in report.absent],
        }
    return content


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": finding.id, "section": finding.section.value, "severity": finding.severity.word,
        "state": finding.state.value, "title": finding.title, "subject": finding.subject,
        "line": finding.line, "evidence": finding.evidence, "proof": finding.proof,
        "fix": finding.fix, "auto": finding.auto.value, "fingerprint": finding.fingerprint,
        "waived": finding.waived,
    }
    change = report.change_of(finding)
    return told if change is None else {**told, "change": change.value}
