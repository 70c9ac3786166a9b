"""What counts for the exit status, and in which order findings are told."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.posture.finding import Severity, State
from bpc_ssh_guard.posture.report import Bar

from .findings import finding, report_of


@pytest.mark.parametrize(("severity", "bar", "clean"), [
    (Severity.LOW, Severity.LOW, False), (Severity.LOW, Severity.MEDIUM, True),
    (Severity.HIGH, Severity.CRITICAL, True), (Severity.CRITICAL, Severity.CRITICAL, False),
    (Severity.INFO, Severity.LOW, True), (Severity.CRITICAL, None, True),
])
def test_only_faults_over_the_bar_count(
    severity: Severity, bar: Severity | None, clean: bool
) -> None:
    assert report_of(finding(severity=severity), bar=Bar(bar)).is_clean == clean


@pytest.mark.parametrize("state", [State.WARN, State.UNKNOWN])
def test_what_is_not_proved_counts_only_when_strict(state: State) -> None:
    assert report_of(finding(state)).is_clean
    assert not report_of(finding(state), bar=Bar(strict=True)).is_clean


@pytest.mark.parametrize("state", [State.PASS, State.NOT_APPLICABLE])
def test_what_is_right_never_counts(state: State) -> None:
    assert report_of(finding(state), bar=Bar(strict=True)).is_clean


def test_the_worst_comes_first_and_what_is_waived_behind_its_like() -> None:
    found = [
        finding(State.PASS), finding(State.WARN), finding(State.UNKNOWN),
        finding(severity=Severity.LOW), finding(severity=Severity.CRITICAL, waived="known"),
        finding(severity=Severity.HIGH),
    ]
    assert [(each.state, each.severity) for each in report_of(*found).ranked][:3] == [
        (State.FAIL, Severity.HIGH), (State.FAIL, Severity.LOW), (State.FAIL, Severity.CRITICAL)]
    assert [each.state for each in report_of(*found).ranked][3:] == [
        State.WARN, State.UNKNOWN, State.PASS]


def test_a_fingerprint_knows_neither_line_nor_what_was_seen() -> None:
    assert finding(line=3, evidence="a").fingerprint == finding(line=9, evidence="b").fingerprint
    assert finding(subject="/a").fingerprint != finding(subject="/b").fingerprint
    assert finding(check="SEC-01").fingerprint != finding(check="SEC-02").fingerprint
