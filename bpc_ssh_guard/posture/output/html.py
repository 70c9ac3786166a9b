"""The report as one page: scores first, then what is wrong, worst first, and what was right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from ... import __version__
from ...page.document import document, section
from ...page.html import Markup, cut, join, table, tag
from ..audit import by_section
from ..finding import Finding, State
from .json import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...page.html import Content
    from ..report import Report

MOST_ROWS: Final = 500  # of one table, so that ten thousand hosts make no page nobody can open
_SHOWN: Final = 400  # characters of a cell
_TROUBLE: Final = (
    (State.FAIL, "Wrong"), (State.WARN, "To be looked at by a person"),
    (State.UNKNOWN, "Could not be decided"),
)


def page(report: Report) -> str:
    """Return REPORT as a page of HTML in ASCII."""
    audit = report.audit
    title = f"BackupPC's server {audit.host} against its security FAQ"
    sections = [_scores(report)]
    sections += [_state(report, state, heading) for state, heading in _TROUBLE]
    sections += [_changes(report)] if report.baseline is not None else []
    sections += [_waivers(report), _right(report)]
    footer = (f"{PROGRAM} {__version__}, {audit.started} (UTC). Nothing was changed."
              " No value of a secret is on this page.")
    return document(title, _totals(report), sections, footer)


def _totals(report: Report) -> Markup:
    audit = report.audit
    facts = [
        (str(report.count(State.FAIL)), "wrong", report.count(State.FAIL) > 0),
        (str(report.count(State.WARN)), "to be looked at", report.count(State.WARN) > 0),
        (str(report.count(State.UNKNOWN)), "unknown", report.count(State.UNKNOWN) > 0),
        (str(report.count(State.PASS)), "right", False),
        (f"{audit.decided} of {audit.total}", "checks decided", audit.decided < audit.total),
        (audit.backuppc or "unknown", f"BackupPC, {audit.layout} layout", False),
    ]
    return tag("ul", *(tag("li", tag("b", number), " ", name, class_="look" if bad else None)
                       for number, name, bad in facts), class_="facts")


def _scores(report: Report) -> Markup:
    with_before = report.baseline is not None
    heads = {"Section": False, "Score": True, **({"Before": True} if with_before else {}),
             "": False, "Checks decided": True}
    rows = [
        (score.section.value, _number(score.score), *([_number(before)] if with_before else []),
         _bar(score.score), f"{score.decided} of {score.total}")
        for score, before in report.scores
    ]
    caption = ("Share of what could be decided that was proved right, weighed by severity; a"
               " waiver changes no score")
    return section("Sections of the FAQ", table(caption, heads, rows))


def _bar(score: Optional[int]) -> Markup:
    if score is None:
        return Markup("")
    label = f"{score} of 100"
    return tag("svg", tag("rect", x=0, y=1, width=score, height=8, class_="a"),
               tag("rect", x=score, y=4, width=100 - score, height=2, class_="c"),
               viewBox="0 0 100 10", width=120, height=12, role="img", aria_label=label)


def _state(report: Report, state: State, heading: str) -> Markup:
    found = [each for each in report.ranked if each.state == state]
    if not found:
        return section(heading, tag("p", "Nothing.", class_="none"))
    heads = {"Severity": False, "Check": False, "What": False, "Where": False, "Seen": False,
             "Fix": False}
    return section(heading, _bounded(f"{len(found)} in all, worst first", heads,
                                     [_row(report, each) for each in found]))


def _row(report: Report, finding: Finding) -> tuple[Content, ...]:
    where = finding.subject if finding.line is None else f"{finding.subject}:{finding.line}"
    marks: list[Content] = []
    change = report.change_of(finding)
    if change is not None:
        marks.append(tag("div", change.value, class_="look" if change.value == "new" else None))
    if finding.waived is not None:
        marks.append(tag("div", f"waived: {cut(finding.waived, _SHOWN)}"))
    severity = tag("span", finding.severity.word,
                   class_="look" if finding.state == State.FAIL else None)
    return (join((severity, *marks)), _id(finding.id), finding.title, cut(where, _SHOWN),
            cut(finding.evidence, _SHOWN), cut(finding.fix, _SHOWN))


def _changes(report: Report) -> Markup:
    since = report.baseline.started if report.baseline is not None else ""
    rows = [(_id(gone.id), gone.title, cut(gone.subject, _SHOWN)) for gone in report.absent]
    return section(f"Gone since {since}", _bounded(
        "Wrong then and no more", {"Check": False, "What": False, "Where": False}, rows))


def _waivers(report: Report) -> Markup:
    rows = [(_id(waiver.id), cut(waiver.subject, _SHOWN), waiver.expires.isoformat(), trouble,
             cut(waiver.reason, _SHOWN)) for waiver, trouble in report.idle_waivers]
    heads = {"Check": False, "Where": False, "Expires": False, "Trouble": False, "Reason": False}
    return section("Waivers that do nothing", _bounded("Take them out or renew them", heads, rows))


def _right(report: Report) -> Markup:
    heads = {"Check": False, "What would be wrong": False, "Where": False, "Seen": False}
    parts = []
    for of, findings in by_section(report.findings):
        rows = [(_id(each.id), each.title, cut(each.subject, _SHOWN), cut(each.evidence, _SHOWN))
                for each in findings if not each.is_trouble]
        parts.append(_bounded(of.value, heads, rows))
    return section("Right, or not applicable", *parts)


def _bounded(caption: str, heads: dict[str, bool], rows: Sequence[Sequence[Content]]) -> Markup:
    if not rows:
        return tag("p", f"{caption}: none.", class_="none")
    more = len(rows) - MOST_ROWS
    rest = tag("code", f"{PROGRAM} audit --json")
    told = tag("p", f"and {more} more: ", rest) if more > 0 else Markup("")
    return join((table(caption, heads, rows[:MOST_ROWS]), told))


def _id(check: str) -> Markup:
    return tag("span", check, class_="id")


def _number(score: Optional[int]) -> str:
    return "-" if score is None else str(score)
