"""The page: what can be trusted first, then what happened; offline, without scripts, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ... import __version__
from ...page.document import document, section
from ...page.html import Markup, cut, join, table, tag
from ..engine.summary import SILENT_DAYS, State
from . import figures, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...page.html import Content
    from ..engine.duck import Row
    from ..engine.summary import Proof, Summary

MOST_ROWS: Final = 50  # of one table, so that a thousand machines make no page nobody can open
REST: Final = "bpc-ssh-audit report --json"
MOST_FINDINGS: Final = 3  # of one log; verify says them all


def page(summary: Summary) -> str:
    """Return SUMMARY as a page of HTML in ASCII."""
    title = f"Command log of BackupPC's keys, {summary.period}"
    sections = (_trust, _activity, _refusals, _restores, _grants, _shapes, _keys, _silent)
    footer = f"bpc-ssh-audit {__version__}, {summary.made}. Times are UTC."
    return document(title, _totals(summary), (part(summary) for part in sections), footer)


def _totals(summary: Summary) -> Markup:
    broken = [proof for proof in summary.proofs if proof.state in (State.DAMAGED, State.UNREAD)]
    facts: list[tuple[str, str, bool]] = [
        ("machines", figures.count(len(summary.hosts)), False),
        ("commands allowed", figures.count(summary.total("allowed")), False),
        ("refused", figures.count(summary.total("refused")), bool(summary.total("refused"))),
        ("sent", figures.size(summary.total("write_bytes")), False),
        ("restores", figures.count(len(summary.restores)), bool(summary.restores)),
        ("silent machines", figures.count(len(summary.silent)), bool(summary.silent)),
        ("logs damaged or unread", figures.count(len(broken)), bool(broken)),
    ]
    return tag("ul", *(
        tag("li", tag("b", number), " ", name, class_="look" if bad else None)
        for name, number, bad in facts
    ), class_="facts")


def _trust(summary: Summary) -> Markup:
    proofs = sorted(summary.proofs, key=_worst_first)
    if not proofs:
        said = tag("p", "The logs were not verified for this report: what follows is what they say"
                        " of themselves. bpc-ssh-audit verify proves them.", class_="look")
        return section("What can be trusted", said)
    rows = [
        (cut(proof.log), _state(proof), figures.count(proof.records),
         f"record {figures.count(proof.whole)}" + (f", {figures.moment(proof.until)}"
                                                   if proof.until else ""),
         join(tag("div", cut(finding)) for finding in proof.findings[:MOST_FINDINGS]))
        for proof in proofs
    ]
    heads = {"Log": False, "State": False, "Records": True, "Trusted before": False,
             "Findings": False}
    return section("What can be trusted", _bounded("Verification of each log", heads, rows))


_WORST: Final = (State.DAMAGED, State.UNREAD, State.BY_CHAIN, State.WHOLE)


def _worst_first(proof: Proof) -> tuple[int, str]:
    return _WORST.index(proof.state), proof.log


def _state(proof: Proof) -> Markup:
    said = {
        State.WHOLE: "whole", State.BY_CHAIN: "whole by its chain alone, without the key K_0",
        State.DAMAGED: "DAMAGED", State.UNREAD: "could not be read",
    }[proof.state]
    return tag("span", said, class_="good" if proof.state == State.WHOLE else "look")


def _activity(summary: Summary) -> Markup:
    days = summary.period.days
    of = {row["day"]: row for row in summary.days}

    def values(name: str) -> list[int]:
        return [int(of[day][name]) if day in of else 0 for day in days]

    seconds = [value // 1_000_000_000 for value in values("duration_ns")]
    return section(
        "Day by day",
        svg.bars("Commands", days, [("allowed", "a", values("allowed")),
                                    ("refused", "b", values("refused"))], figures.count),
        svg.bars("Bytes", days, [("read by programs", "c", values("read_bytes")),
                                 ("sent or written", "a", values("write_bytes"))], figures.size),
        svg.bars("Time of commands", days, [("h:mm:ss", "c", seconds)],
                 lambda value: figures.duration(int(str(value)) * 1_000_000_000)),
    )


def _refusals(summary: Summary) -> Markup:
    reasons: dict[str, int] = {}
    for row in summary.refusals:
        reasons[str(row["code"])] = reasons.get(str(row["code"]), 0) + int(row["refused"])
    by_reason = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return section(
        "Refusals",
        _bounded("By reason", {"Reason": False, "Refused": True},
                 [(cut(code), figures.count(number)) for code, number in by_reason]),
        _rows("By machine and key", summary.refusals,
              {"Reason": False, "Machine": False, "Key": False, "Refused": True, "Last": False},
              lambda row: (cut(row["code"]), cut(row["host"]), cut(row["label"]),
                           figures.count(row["refused"]), figures.moment(row["last_time"]))),
    )


def _restores(summary: Summary) -> Markup:
    return section("Restores", _rows(
        "Restores and the grants that they ran under", summary.restores,
        {"Start": False, "Machine": False, "Key": False, "From": False, "Paths": False,
         "Grant": False, "Status": True, "Took": True, "Written": True},
        lambda row: (figures.moment(row["start_time"]), cut(row["host"]), cut(row["label"]),
                     cut(row["address"]), cut(figures.words(row["paths"])),
                     cut(row["grant_id"] or "none needed", 12), _status(row),
                     figures.duration(row["duration_ns"]), figures.size(row["write_bytes"])),
    ))


def _status(row: Row) -> Markup:
    if row["status"] is None:
        return tag("span", "no end", class_="look")
    return tag("span", str(row["status"]), class_="look" if row["status"] else None)


def _grants(summary: Summary) -> Markup:
    return section("Grants", _rows(
        "Grants opened and closed", summary.grants,
        {"Time": False, "Machine": False, "Key": False, "What": False, "Until": False,
         "By": False, "Reason": False},
        lambda row: (figures.moment(row["time"]), cut(row["host"]), cut(row["label"]),
                     cut(row["action"]), figures.moment(row["until_time"]),
                     cut(row["sudo_user"] or row["rotation"] or row["opener"]),
                     cut(row["reason"] or row["code"])),
    ))


def _shapes(summary: Summary) -> Markup:
    return section("Commands of a new kind", _rows(
        "New to a machine in this period; first those that no machine ran before",
        summary.shapes,
        {"First": False, "Machine": False, "Machines": True, "Runs": True, "Rule": False,
         "Paths": False, "Features": False, "Elsewhere since": False},
        lambda row: (figures.moment(row["first_time"]), cut(row["host"]),
                     figures.count(row["hosts"]), figures.count(row["runs"]), cut(row["rule"]),
                     cut(figures.words(row["paths"])), cut(figures.words(row["features"])),
                     figures.moment(row["known_since"]) or tag("span", "never", class_="look")),
    ))


def _keys(summary: Summary) -> Markup:
    fresh = _rows(
        "New addresses of known keys", summary.addresses,
        {"First": False, "Machine": False, "Key": False, "Address": False, "Records": True},
        lambda row: (figures.moment(row["first_time"]), cut(row["host"]), cut(row["label"]),
                     cut(row["address"]), figures.count(row["records"])),
    )
    used = _rows(
        "Keys by last use; those unused the longest first",
        sorted(summary.keys, key=lambda row: str(row["last_time"])),
        {"Last": False, "First": False, "Machine": False, "Key": False, "KEYID": False,
         "Allowed": True, "Refused": True},
        lambda row: (figures.moment(row["last_time"]), figures.moment(row["first_time"]),
                     cut(row["host"]), cut(row["label"]), cut(row["key_id"], 12),
                     figures.count(row["allowed"]), figures.count(row["refused"])),
    )
    return section("Keys", fresh, used)


def _silent(summary: Summary) -> Markup:
    return section("Machines not heard from", _rows(
        f"No record for {SILENT_DAYS} days or more on {summary.asked}", summary.silent,
        {"Machine": False, "Last record": False, "Records": True},
        lambda row: (cut(row["host"]), figures.moment(row["last_time"]) or "never",
                     figures.count(row["records"])),
    ))


def _rows(
    caption: str, rows: Sequence[Row], heads: dict[str, bool],
    cells: Callable[[Row], Sequence[Content]],
) -> Markup:
    return _bounded(caption, heads, [cells(row) for row in rows[:MOST_ROWS]], len(rows))


def _bounded(
    caption: str, heads: dict[str, bool], rows: Sequence[Sequence[Content]], total: int = 0
) -> Markup:
    """Return the table of the first of ROWS, of TOTAL, with the command that tells the others."""
    if not rows:
        return tag("p", f"{caption}: none.", class_="none")
    more = max(total, len(rows)) - MOST_ROWS
    told = tag("p", f"and {figures.count(more)} more: ", tag("code", REST)) if more > 0 else None
    return join((table(caption, heads, rows[:MOST_ROWS]), told or Markup("")))
