"""With a baseline only what is new or worse counts, and what is gone is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.posture import baseline
from bpc_ssh_guard.posture.baseline import BaselineError, Change
from bpc_ssh_guard.posture.finding import Severity, State
from bpc_ssh_guard.posture.output.json import as_json
from bpc_ssh_guard.posture.report import Report
from bpc_ssh_guard.posture.waivers import Waived

from .findings import STARTED, audit_of, finding, report_of

if TYPE_CHECKING:
    from pathlib import Path

    from bpc_ssh_guard.posture.finding import Finding


def against(folder: Path, then: list[Finding], now: list[Finding]) -> Report:
    """Return the report of NOW with the audit that found THEN as its baseline."""
    path = folder / "baseline.json"
    path.write_text(json.dumps(as_json(report_of(*then))))
    return Report(audit_of(*now), Waived(tuple(now)), baseline.read(str(path)))


def test_a_known_fault_does_not_count_again(tmp_path: Path) -> None:
    report = against(tmp_path, [finding()], [finding(line=7, evidence="still open")])
    assert report.is_clean
    assert report.change_of(report.findings[0]) == Change.UNCHANGED


def test_a_new_fault_counts(tmp_path: Path) -> None:
    report = against(tmp_path, [finding()], [finding(), finding(subject="/etc/other")])
    assert [each.subject for each in report.counted] == ["/etc/other"]
    assert report.change_of(report.counted[0]) == Change.NEW


@pytest.mark.parametrize(("then", "now", "counts"), [
    (finding(State.WARN), finding(State.FAIL), True),
    (finding(State.PASS), finding(State.FAIL), True),
    (finding(State.UNKNOWN), finding(State.FAIL), True),
    (finding(severity=Severity.LOW), finding(severity=Severity.HIGH), True),
    (finding(severity=Severity.HIGH), finding(severity=Severity.LOW), False),
])
def test_a_fault_that_grew_worse_counts(
    tmp_path: Path, then: Finding, now: Finding, counts: bool
) -> None:
    report = against(tmp_path, [then], [now])
    assert report.change_of(now) == Change.UPDATED
    assert bool(report.counted) == counts


def test_what_is_mended_is_told_as_gone(tmp_path: Path) -> None:
    report = against(tmp_path, [finding(), finding(State.PASS, check="SEC-05")],
                     [finding(State.PASS)])
    assert [gone.id for gone in report.absent] == ["SEC-03"]
    assert report.is_clean


def test_scores_stand_beside_those_of_then(tmp_path: Path) -> None:
    report = against(tmp_path, [finding()], [finding(State.PASS)])
    assert [(score.score, before) for score, before in report.scores] == [(100, 0)]
    assert report.baseline is not None
    assert report.baseline.started == STARTED


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"schema": 2}', "[" * 100_000, '{"schema":1,"findings":[],"scores":{}}',
    '{"schema":1,"started":"x","scores":[],"findings":[{"id":"SEC-01"}]}',
])
def test_refuses_what_no_audit_wrote(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(BaselineError, match="no JSON of bpc-ssh-posture audit"):
        baseline.read(str(path))


def test_says_how_to_make_one_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=f"audit --save {tmp_path}/none"):
        baseline.read(f"{tmp_path}/none")
