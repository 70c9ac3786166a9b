"""The performance table as text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from .outcome import NOT_MEASURED, Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .outcome import Line, Outcome

WIDTH = 100
_COLUMNS = "  {:<34} {:>10} {:>9}  {:<20} {:<6} {}"
_NO_COMPARISON = Comparison("", 0.0)


def render(heading: Sequence[str], outcomes: Sequence[Outcome]) -> str:
    """Return the whole table, HEADING first."""
    lines = [*heading, ""]
    for outcome in outcomes:
        lines += [*_row(outcome), ""]
    return "\n".join(lines)


def _row(outcome: Outcome) -> list[str]:
    lines = [f"{outcome.title}; {outcome.rounds} rounds"]
    if outcome.error:
        lines.append(f"  {NOT_MEASURED}:")
        return lines + textwrap.wrap(
            outcome.error, WIDTH, initial_indent="    ", subsequent_indent="    "
        )
    lines.append(_columns("", "median", "best", "compared", "target", "verdict"))
    for line in outcome.lines:
        lines += _line(line)
    return lines


def _line(line: Line) -> list[str]:
    comparisons = line.comparisons or (_NO_COMPARISON,)
    first, *further = comparisons
    lines = [
        _columns(
            line.name,
            _figure(line.series.median, line.unit),
            _figure(line.series.best, line.unit),
            first.text,
            first.target,
            first.verdict,
        )
    ]
    lines += [_columns("", "", "", each.text, each.target, each.verdict) for each in further]
    if line.note:
        lines.append(f"    ({line.note})")
    return lines


def _columns(*cells: str) -> str:
    return _COLUMNS.format(*cells).rstrip()


def _figure(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 1 else 2
    return f"{value:.{digits}f} {unit}"
