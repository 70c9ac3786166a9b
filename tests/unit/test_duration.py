"""Durations are read as admins write them, and in no other form."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("90m", 5400), ("2h", 7200), ("1d", 86400), ("0h", 0)]
)
def test_reads_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "2", "2s", "2w", "-2h", "+2h", "2 h", "1.5h", "2H", "1h30m", "²h", "9999999m"]
)
def test_refuses_another_form_of_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write a number and m, h or d"):
        parse_duration(text)
