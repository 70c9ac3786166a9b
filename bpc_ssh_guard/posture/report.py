"""What an audit tells, waivers and baseline laid beside it: what every output shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from .audit import WORST_FIRST
from .baseline import Change
from .finding import Finding, Severity, State
from .score import Score, scores

if TYPE_CHECKING:
    from .audit import Audit
    from .baseline import Baseline, Known
    from .waivers import Waived, Waiver


@dataclass(frozen=True)
class Bar:
    """What counts as a finding for the exit status.

    `fail_on` None: nothing does. `strict`: WARN, UNKNOWN and idle waivers do too.
    """

    fail_on: Optional[Severity] = Severity.LOW
    strict: bool = False

    def admits(self, finding: Finding) -> bool:
        """Tell whether FINDING is over the bar."""
        if self.fail_on is None or finding.waived is not None:
            return False
        if finding.state == State.FAIL:
            return finding.severity >= self.fail_on
        return self.strict and finding.is_trouble


@dataclass(frozen=True)
class Report:
    """An AUDIT with its waivers applied, held against BASELINE where there is one."""

    audit: Audit
    waived: Waived
    baseline: Optional[Baseline] = None
    bar: Bar = Bar()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all findings, in the order of the checks."""
        return self.waived.findings

    @property
    def idle_waivers(self) -> tuple[tuple[Waiver, str], ...]:
        """Return the waivers that did nothing, each with the reason."""
        return self.waived.troubles

    @property
    def ranked(self) -> list[Finding]:
        """Return all findings, worst first; waived ones after the others of their state."""
        return sorted(self.findings, key=lambda each: (
            WORST_FIRST.index(each.state), each.waived is not None, -each.severity, each.id))

    @property
    def counted(self) -> list[Finding]:
        """Return what makes the exit status 1: over the bar, new or worse than the baseline."""
        return [each for each in self.findings if self.bar.admits(each)
                and (self.baseline is None or self.baseline.is_worse(each))]

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is over the bar."""
        idle = self.bar.strict and self.bar.fail_on is not None and bool(self.idle_waivers)
        return not self.counted and not idle

    def change_of(self, finding: Finding) -> Optional[Change]:
        """Return how FINDING stands to the baseline; None without one."""
        return None if self.baseline is None else self.baseline.change_of(finding)

    @property
    def absent(self) -> list[Known]:
        """Return what was wrong in the baseline and is no more."""
        return [] if self.baseline is None else self.baseline.absent(self.findings)

    @property
    def scores(self) -> list[tuple[Score, Optional[int]]]:
        """Return each section's score, with that of the baseline where it has one."""
        before = {} if self.baseline is None else self.baseline.scores
        return [(each, before.get(each.section.value)) for each in scores(self.findings)]

    def count(self, state: State) -> int:
        """Return how many findings are in STATE and not waived."""
        return sum(each.state == state and each.waived is None for each in self.findings)
