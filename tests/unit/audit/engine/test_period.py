"""A period is what an auditor means by it."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.audit.engine.period import Period, PeriodError, parse

MEANT = {
    "2026": ("2026-01-01", "2026-12-31"),
    "2028-02": ("2028-02-01", "2028-02-29"),
    "2026-11-23": ("2026-11-23", "2026-11-23"),
    "2026-11-01..2026-11-15": ("2026-11-01", "2026-11-15"),
    "2026-09..2026-10": ("2026-09-01", "2026-10-31"),
}


@pytest.mark.parametrize("text", MEANT)
def test_a_period_has_its_first_and_its_last_day(text: str) -> None:
    period = parse(text)
    assert (period.since, period.until) == MEANT[text]
    assert (period.days[0], period.days[-1]) == MEANT[text]


@pytest.mark.parametrize(
    "text", ["", "..", "2026-13", "2026-02-30", "0000", "2026-11..", "2026-11..2026-10", "now",
             "2026-11-01T02", "\u0662\u0660\u0662\u0666", "2026-1'; DROP"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(PeriodError):
        parse(text)


def test_a_period_is_shown_by_its_days() -> None:
    assert str(Period("2026-11-01", "2026-11-01")) == "2026-11-01"
    assert str(Period("2026-11-01", "2026-11-02")) == "2026-11-01 to 2026-11-02"
