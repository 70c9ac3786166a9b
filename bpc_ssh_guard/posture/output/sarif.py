"""The report as SARIF 2.1.0 (OASIS), for what shows results of code scanners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ... import __version__
from ..finding import Auto, Severity, State
from .json import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..check import Check
    from ..finding import Finding
    from ..report import Report

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_KINDS: Final = {
    State.FAIL: "fail", State.PASS: "pass", State.WARN: "review", State.UNKNOWN: "open",
    State.NOT_APPLICABLE: "notApplicable",
}
_LEVELS: Final = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning",
    Severity.LOW: "note", Severity.INFO: "note",
}
# What code scanners sort by: a number of 0.0 to 10.0, as text.
_RANKS: Final = {
    Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}


def as_sarif(
    report: Report, checks: Sequence[type[Check]], all_states: bool = False
) -> dict[str, Any]:
    """Return REPORT of CHECKS as a SARIF log with one run.

    Some readers ignore `kind` and show every result: only FAIL is told, unless ALL_STATES.
    """
    rules = [_rule(check) for check in checks]
    number = {rule["id"]: index for index, rule in enumerate(rules)}
    results = [_result(report, each, number) for each in report.ranked
               if all_states or each.state == State.FAIL]
    if report.baseline is not None:
        results += [
            {"ruleId": gone.id, "kind": "pass", "level": "none", "baselineState": "absent",
             "message": {"text": f"{gone.title}: {gone.subject} is gone"},
             "locations": [_location(gone.subject, None)]}
            for gone in report.absent
        ]
    driver = {"name": PROGRAM, "version": __version__, "semanticVersion": __version__,
              "rules": rules}
    return {
        "$schema": SCHEMA, "version": VERSION,
        "runs": [{
            "tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results,
            "automationDetails": {"id": f"{PROGRAM}/{quote(report.audit.host, safe='')}/"},
            "invocations": [{"executionSuccessful": True, "startTimeUtc": report.audit.started}],
        }],
    }


def _rule(check: type[Check]) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.why},
        "help": {"text": check.fix},
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": {"security-severity": _RANKS[check.severity],
                       "tags": ["security", check.section.value]},
    }


def _result(report: Report, finding: Finding, number: dict[str, int]) -> dict[str, Any]:
    failed = finding.state == State.FAIL
    told: dict[str, Any] = {
        "ruleId": finding.id,
        "kind": _KINDS[finding.state],
        # Every other kind must have the level none.
        "level": _LEVELS[finding.severity] if failed else "none",
        "message": {"text": _message(finding)},
        "locations": [_location(finding.subject, finding.line)],
        "partialFingerprints": {"bpcSshPosture/v1": finding.fingerprint},
        "properties": {"proof": finding.proof, "fixable": finding.auto != Auto.MANUAL},
    }
    if finding.id in number:
        told["ruleIndex"] = number[finding.id]
    if finding.waived is not None:
        told["suppressions"] = [{"kind": "external", "status": "accepted",
                                 "justification": finding.waived}]
    change = report.change_of(finding)
    if change is not None:
        told["baselineState"] = change.value
    return told


def _message(finding: Finding) -> str:
    fix = f" Fix: {finding.fix}" if finding.state == State.FAIL else ""
    return f"{finding.title}: {finding.subject}: {finding.evidence}.{fix}"


def _location(subject: str, line: int | None) -> dict[str, Any]:
    """Return a file where SUBJECT is a path, else a name."""
    if not subject.startswith("/"):
        return {"logicalLocations": [{"fullyQualifiedName": subject}]}
    uri = "file://" + quote(subject.encode("utf-8", "surrogateescape"))
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if line is not None:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}
