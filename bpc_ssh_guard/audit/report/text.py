"""The summary for a terminal: the same questions, the numbers in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...page.html import cut
from ..engine.summary import State
from . import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..engine.summary import Summary

    # A caption, the columns' names (numbers end in #) and the rows.
    Table = tuple[str, Sequence[str], list[Sequence[str]]]

MOST_ROWS: Final = 15
_WIDE: Final = 48


def trust(summary: Summary) -> str:
    """Return how far the logs behind SUMMARY are proved, in one line."""
    proofs = summary.proofs
    if not proofs:
        return "Not verified: what follows is what the logs say of themselves."
    whole = sum(proof.state == State.WHOLE for proof in proofs)
    return f"{whole} of {len(proofs)} logs are proved whole."


def tables(summary: Summary) -> Iterator[Table]:
    """Yield what SUMMARY tells, table by table; empty ones are left out."""
    for caption, heads, rows in _tables(summary):
        told = list(rows)
        if told:
            yield caption, heads, told


def _tables(summary: Summary) -> Iterator[tuple[str, Sequence[str], Iterable[Sequence[str]]]]:
    yield "Logs that are not proved whole", ("log", "state", "trusted before #"), (
        (cut(p.log, _WIDE), p.state, figures.count(p.whole))
        for p in summary.proofs if p.state != State.WHOLE
    )
    yield f"{summary.period}", ("allowed #", "refused #", "failed #", "read #", "written #"), [(
        *(figures.count(summary.total(name)) for name in ("allowed", "refused", "failed")),
        *(figures.size(summary.total(name)) for name in ("read_bytes", "write_bytes")),
    )]
    yield "Refusals", ("reason", "machine", "key", "refused #", "last"), (
        (cut(r["code"], _WIDE), cut(r["host"], _WIDE), cut(r["label"], _WIDE),
         figures.count(r["refused"]), figures.moment(r["last_time"]))
        for r in summary.refusals
    )
    yield "Restores", ("start", "machine", "key", "grant", "status #"), (
        (figures.moment(r["start_time"]), cut(r["host"], _WIDE), cut(r["label"], _WIDE),
         cut(r["grant_id"] or "none needed", 12),
         "no end" if r["status"] is None else str(r["status"]))
        for r in summary.restores
    )
    yield "New addresses", ("first", "machine", "key", "address"), (
        (figures.moment(r["first_time"]), cut(r["host"], _WIDE), cut(r["label"], _WIDE),
         cut(r["address"], _WIDE))
        for r in summary.addresses
    )
    shapes = ("first", "machine", "machines #", "runs #", "rule", "paths", "elsewhere since")
    yield "Commands of a new kind", shapes, (
        (figures.moment(r["first_time"]), cut(r["host"], _WIDE), figures.count(r["hosts"]),
         figures.count(r["runs"]), cut(r["rule"], _WIDE), cut(figures.words(r["paths"]), _WIDE),
         figures.moment(r["known_since"]) or "never")
        for r in summary.shapes
    )
    yield f"Machines not heard from on {summary.asked}", ("machine", "last record"), (
        (cut(r["host"], _WIDE), figures.moment(r["last_time"]) or "never") for r in summary.silent
    )
