"""What a row found: lines with figures, each compared with targets; and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .samples import Series

MET = "met"
NOT_MET = "not met"
NOT_MEASURED = "not measured"
NO_TARGET = ""


@dataclass(frozen=True)
class Comparison:
    """A value against its target; TEXT says what the value is (`0.50 x rrsync`)."""

    text: str
    value: float
    limit: Optional[float] = None
    at_least: bool = False
    # A miss smaller than the noise of the rounds is no finding.
    noise: float = 0.0

    @property
    def target(self) -> str:
        """The target as it stands in the table."""
        if self.limit is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"

    @property
    def verdict(self) -> str:
        """Say whether the target is met, or that this run can't tell."""
        if self.limit is None:
            return NO_TARGET
        missed_by = self.limit - self.value if self.at_least else self.value - self.limit
        if missed_by <= 0:
            return MET
        return NOT_MET if missed_by > self.noise else NOT_MEASURED


@dataclass(frozen=True)
class Line:
    """One candidate's figure in a row."""

    name: str
    unit: str
    series: Series
    comparisons: tuple[Comparison, ...] = ()
    note: str = ""
    # Further series of the same runs, for --json.
    also: dict[str, Series] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the line for --json, with every value measured."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.series.median,
            "best": self.series.best,
            "spread": self.series.spread,
            "values": list(self.series.values),
            "note": self.note,
            "also": {name: list(series.values) for name, series in self.also.items()},
            "comparisons": [
                {
                    "text": each.text,
                    "value": each.value,
                    "target": each.target,
                    "verdict": each.verdict,
                }
                for each in self.comparisons
            ],
        }


@dataclass(frozen=True)
class Outcome:
    """A row's lines, or why there are none."""

    row: str
    title: str
    rounds: int
    seconds: float
    lines: tuple[Line, ...] = ()
    error: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the row for --json."""
        return {
            "row": self.row,
            "title": self.title,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "error": self.error,
            "lines": [line.as_json() for line in self.lines],
        }
