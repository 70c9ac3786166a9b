"""Each output tells the same findings, keeps hostile text inert, and has its format's form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.posture import baseline
from bpc_ssh_guard.posture.checks import CHECKS
from bpc_ssh_guard.posture.finding import Severity, State
from bpc_ssh_guard.posture.output import html, sarif, text
from bpc_ssh_guard.posture.output.json import as_json
from bpc_ssh_guard.posture.report import Report
from bpc_ssh_guard.posture.waivers import Waived
from tests.unit.posture.findings import audit_of, finding, report_of

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "\x1b[2J\u202e</script><script>alert(1)</script>\n\udcff=cmd|'x'!A1"
STATES = {State.FAIL: "fail", State.PASS: "pass", State.WARN: "review", State.UNKNOWN: "open",
          State.NOT_APPLICABLE: "notApplicable"}  # SARIF 2.1.0, 3.27.9


def hostile() -> Report:
    return report_of(finding(subject=f"/etc/{HOSTILE}", evidence=HOSTILE, line=3),
                     finding(State.WARN, subject=HOSTILE, waived=HOSTILE))


def test_text_has_nothing_that_a_terminal_obeys() -> None:
    for line in text.lines(hostile(), all_states=True):
        assert line.text.isascii()
        assert line.text.isprintable()


def test_page_has_nothing_that_a_browser_obeys() -> None:
    page = html.page(hostile())
    assert page.isascii()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page.replace("&#x27;", "'")


@pytest.mark.parametrize("made", [as_json, lambda report: sarif.as_sarif(report, CHECKS)])
def test_json_of_hostile_names_is_read_back_as_it_was(made) -> None:
    told = json.loads(json.dumps(made(hostile())))
    assert json.dumps(told).isascii()


def test_text_tells_what_is_wrong_where_and_what_mends_it() -> None:
    told = [line.text for line in text.lines(report_of(finding(line=7), finding(State.PASS)))]
    assert "high      SEC-03 a forgotten copy of a secret: /etc/backuppc/config.pl.old:7" in told
    assert "          open to others" in told
    assert "          fix: chmod 0600" in told
    assert "1 wrong, 0 to be looked at, 0 unknown, 1 right; 1 of 1 checks decided" in told


def test_text_leaves_out_what_is_right_unless_asked() -> None:
    right = finding(State.PASS, subject="/right")
    assert not any("/right" in line.text for line in text.lines(report_of(right)))
    assert any("/right" in line.text for line in text.lines(report_of(right), all_states=True))


def test_json_has_the_one_shape() -> None:
    told = as_json(report_of(finding(line=7)))
    assert list(told) == ["schema", "program", "version", "host", "started", "backuppc",
                          "completeness", "scores", "findings", "waivers"]
    assert told["findings"] == [{
        "id": "SEC-03", "section": "passwords", "severity": "high", "state": "fail",
        "title": "a forgotten copy of a secret", "subject": "/etc/backuppc/config.pl.old",
        "line": 7, "evidence": "open to others", "proof": "stat", "fix": "chmod 0600",
        "auto": "mode", "fingerprint": finding().fingerprint, "waived": None,
    }]


@pytest.mark.parametrize("state", State)
def test_sarif_says_each_state_by_its_kind_and_no_level_but_of_faults(state: State) -> None:
    log = sarif.as_sarif(report_of(finding(state)), CHECKS, all_states=True)
    (result,) = log["runs"][0]["results"]
    assert result["kind"] == STATES[state]
    assert result["level"] == ("error" if state == State.FAIL else "none")


@pytest.mark.parametrize(("severity", "level"), [
    (Severity.CRITICAL, "error"), (Severity.HIGH, "error"), (Severity.MEDIUM, "warning"),
    (Severity.LOW, "note"), (Severity.INFO, "note"),
])
def test_sarif_levels_follow_severity(severity: Severity, level: str) -> None:
    log = sarif.as_sarif(report_of(finding(severity=severity)), CHECKS)
    assert [result["level"] for result in log["runs"][0]["results"]] == [level]


def test_sarif_tells_only_faults_unless_asked() -> None:
    report = report_of(finding(), finding(State.PASS), finding(State.UNKNOWN))
    assert len(sarif.as_sarif(report, CHECKS)["runs"][0]["results"]) == 1


def test_sarif_has_a_rule_for_every_check_and_results_point_to_theirs() -> None:
    log = sarif.as_sarif(report_of(finding(line=7, waived="soon gone")), CHECKS)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [check.id for check in CHECKS]
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "SEC-03"
    assert result["locations"] == [{"physicalLocation": {
        "artifactLocation": {"uri": "file:///etc/backuppc/config.pl.old"},
        "region": {"startLine": 7}}}]
    assert result["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "soon gone"}]
    assert result["partialFingerprints"] == {"bpcSshPosture/v1": finding().fingerprint}


def test_changes_since_the_baseline_are_told_in_every_output(tmp_path: Path) -> None:
    gone = finding(subject="/gone")
    (tmp_path / "then").write_text(json.dumps(as_json(report_of(finding(), gone))))
    now = (finding(), finding(subject="/new"))
    report = Report(audit_of(*now), Waived(now), baseline.read(str(tmp_path / "then")))
    assert [each["change"] for each in as_json(report)["findings"]] == ["unchanged", "new"]
    assert as_json(report)["baseline"]["absent"][0]["subject"] == "/gone"
    states = {result["baselineState"]
              for result in sarif.as_sarif(report, CHECKS)["runs"][0]["results"]}
    assert states == {"new", "unchanged", "absent"}
    told = "\n".join(line.text for line in text.lines(report))
    assert "[new]" in told
    assert "gone      SEC-03 a forgotten copy of a secret: /gone" in told
    page = html.page(report)
    assert "/gone" in page
    assert "Before" in page
