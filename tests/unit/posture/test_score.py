"""A score is the share of what could be decided that was proved right, weighed by severity."""

from __future__ import annotations

from bpc_ssh_guard.posture.finding import Section, Severity, State
from bpc_ssh_guard.posture.score import Score, scores

from .findings import finding

HIGH, LOW, CRITICAL = Severity.HIGH, Severity.LOW, Severity.CRITICAL


def test_all_right_is_a_hundred_and_all_wrong_none() -> None:
    assert scores([finding(State.PASS)])[0].score == 100
    assert scores([finding(State.FAIL)])[0].score == 0


def test_a_critical_fault_weighs_as_much_as_ten_low_ones() -> None:
    found = [finding(State.FAIL, CRITICAL, check="SEC-01"),
             *(finding(State.PASS, LOW, check=f"LOW-{number}") for number in range(10))]
    assert scores(found) == [Score(Section.PASSWORDS, 50, 11, 11)]


def test_a_warning_counts_half() -> None:
    assert scores([finding(State.WARN)])[0].score == 50


def test_a_check_counts_once_by_its_worst_finding() -> None:
    found = [finding(State.PASS, subject="a"), finding(State.FAIL, LOW, subject="b"),
             finding(State.PASS, LOW, check="SEC-05")]
    assert scores(found)[0].score == 50


def test_what_is_unknown_is_no_health_and_no_fault() -> None:
    found = [finding(State.PASS), finding(State.UNKNOWN, check="SEC-01")]
    assert scores(found) == [Score(Section.PASSWORDS, 100, 1, 2)]
    assert scores([finding(State.UNKNOWN)]) == [Score(Section.PASSWORDS, None, 0, 1)]


def test_a_waiver_changes_no_score() -> None:
    assert scores([finding(waived="old hardware")])[0].score == 0


def test_each_section_has_its_own() -> None:
    found = [finding(State.PASS, section=Section.POOL), finding()]
    assert [(each.section, each.score) for each in scores(found)] == [
        (Section.PASSWORDS, 0), (Section.POOL, 100)]
