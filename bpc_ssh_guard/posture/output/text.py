"""The report for a terminal: worst first, a line a finding, what was seen, what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Optional

from ...page.inert import inert
from ..finding import Finding, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..report import Report


class Line(NamedTuple):
    """A line of inert text, and what it is: a style of the terminal, nothing else."""

    text: str
    style: str = ""


BAD: Final = "bold red"
LOOK: Final = "yellow"
GOOD: Final = "green"
SOFT: Final = "dim"
_STYLES: Final = {
    State.FAIL: BAD, State.WARN: LOOK, State.UNKNOWN: LOOK, State.PASS: GOOD,
    State.NOT_APPLICABLE: SOFT,
}


def lines(report: Report, all_states: bool = False) -> Iterator[Line]:
    """Yield REPORT line by line; what is right or doesn't apply only with ALL_STATES."""
    audit = report.audit
    version = f"BackupPC {audit.backuppc}" if audit.backuppc else "BackupPC of unknown version"
    yield Line(inert(f"{audit.host}: {version}, {audit.layout} layout, {audit.started}"))
    for finding in report.ranked:
        if all_states or finding.is_trouble:
            yield from _finding(report, finding)
    if report.absent:
        yield Line("")
        for gone in report.absent:
            yield Line(inert(f"gone      {gone.id} {gone.title}: {gone.subject}"), GOOD)
    for waiver, trouble in report.idle_waivers:
        yield Line(inert(f"waiver    {waiver.id} {waiver.subject}: {trouble}; take it out"), LOOK)
    yield from _summary(report)


def _finding(report: Report, finding: Finding) -> Iterator[Line]:
    change = report.change_of(finding)
    marks = [change.value] if change is not None and report.baseline is not None else []
    marks += ["waived"] if finding.waived is not None else []
    marked = f"  [{', '.join(marks)}]" if marks else ""
    where = finding.subject if finding.line is None else f"{finding.subject}:{finding.line}"
    style = SOFT if finding.waived is not None else _STYLES[finding.state]
    yield Line("")
    yield Line(inert(f"{_word(finding):<9} {finding.id} {finding.title}: {where}{marked}"), style)
    yield Line(inert(f"          {finding.evidence}"))
    if finding.waived is not None:
        yield Line(inert(f"          waived: {finding.waived}"))
    elif finding.state in (State.FAIL, State.WARN):
        yield Line(inert(f"          fix: {finding.fix}"))


def _word(finding: Finding) -> str:
    """Return the severity of what is proved wrong, the state of anything else."""
    return finding.severity.word if finding.state == State.FAIL else finding.state.value


def _summary(report: Report) -> Iterator[Line]:
    yield Line("")
    yield from _scores(report)
    yield Line("")
    worst = {each.severity for each in report.findings
             if each.state == State.FAIL and each.waived is None}
    style = BAD if worst & {Severity.CRITICAL, Severity.HIGH} else LOOK if worst else GOOD
    counts = ", ".join(f"{report.count(state)} {word}" for state, word in (
        (State.FAIL, "wrong"), (State.WARN, "to be looked at"), (State.UNKNOWN, "unknown"),
        (State.PASS, "right")))
    waived = sum(each.waived is not None for each in report.findings)
    counts += f", {waived} waived" if waived else ""
    yield Line(f"{counts}; {report.audit.decided} of {report.audit.total} checks decided", style)
    if report.baseline is not None:
        yield Line(inert(f"{len(report.counted)} new or worse since {report.baseline.started}"))


def _scores(report: Report) -> Iterator[Line]:
    rows = [["section", "score", "before", "decided"]]
    rows += [[score.section.value, _number(score.score), _number(before),
              f"{score.decided} of {score.total}"] for score, before in report.scores]
    if report.baseline is None:
        rows = [[*row[:2], *row[3:]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = [cell.ljust(width) if number == 0 else cell.rjust(width)
                 for number, (cell, width) in enumerate(zip(row, widths))]
        yield Line("  ".join(cells))


def _number(score: Optional[int]) -> str:
    return "-" if score is None else str(score)
