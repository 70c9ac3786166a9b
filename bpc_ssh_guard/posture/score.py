"""A number for each section of the FAQ: which share of what could be decided was proved right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Optional

from .audit import by_section, worst
from .finding import Section, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .finding import Finding

# A critical fault weighs as much as ten low ones; what is only told weighs nothing.
WEIGHTS: Final = {
    Severity.CRITICAL: 10, Severity.HIGH: 5, Severity.MEDIUM: 3, Severity.LOW: 1, Severity.INFO: 0,
}
# Halves, so that all stays whole numbers: a person may still find that a WARN is right.
_HALVES: Final = {State.PASS: 2, State.WARN: 1, State.FAIL: 0}


@dataclass(frozen=True)
class Score:
    """How SECTION stands: 0 to 100, None where nothing could be decided."""

    section: Section
    score: Optional[int]
    decided: int  # checks
    total: int

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {"section": self.section.value, "score": self.score, "decided": self.decided,
                "total": self.total}


def scores(findings: Iterable[Finding]) -> list[Score]:
    """Return the score of each section that FINDINGS are of.

    Each check counts once, by its worst finding and with the weight of that one's severity. A
    waiver changes no score: the risk is taken, not gone.
    """
    return [_score(section, own) for section, own in by_section(findings)]


def _score(section: Section, findings: list[Finding]) -> Score:
    by_check: dict[str, list[Finding]] = {}
    for finding in findings:
        by_check.setdefault(finding.id, []).append(finding)
    reached = possible = undecided = 0
    for own in by_check.values():
        state = worst(own)
        undecided += any(finding.state == State.UNKNOWN for finding in own)
        if state in _HALVES:
            weight = WEIGHTS[max(finding.severity for finding in own if finding.state == state)]
            reached += _HALVES[state] * weight
            possible += 2 * weight
    score = reached * 100 // possible if possible else None
    return Score(section, score, len(by_check) - undecided, len(by_check))
