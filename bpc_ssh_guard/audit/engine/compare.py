"""What is different between two periods of the same logs: new, gone, and more or less often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .duck import Row
    from .summary import Summary

# A number has changed that is so many times another, and by so much at least.
RATIO: Final = 2
LEAST: Final = 5
# A machine runs a shape for the first time once: by its name the rows of two periods differ.
_SHAPE: Final = ("host", "rule", "paths", "features")


@dataclass(frozen=True)
class Difference:
    """One difference: `kind` is new, gone, more or fewer; of `what`, with both counts."""

    kind: str
    what: str
    name: tuple[str, ...]
    before: int
    after: int

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {**vars(self), "name": list(self.name)}


def compare(before: Summary, after: Summary) -> list[Difference]:
    """Return how AFTER differs from BEFORE, new things first."""
    found = [
        *_of("key", before.keys, after.keys, ("host", "label", "key_id"), _used),
        *_of("refusal", before.refusals, after.refusals, ("code", "host", "label"), _refused),
        *_of("restore", before.restores, after.restores, ("host", "label"), _one),
        *_of("machine", before.hosts, after.hosts, ("host",), _heard_in(before, after)),
        *_first("address", before.addresses, after.addresses, ("host", "label", "address"),
                _records),
        *_first("command", *_shapes(before, after, False), _SHAPE, _runs),
        *_first("known-command", *_shapes(before, after, True), _SHAPE, _runs),
        *_totals(before, after),
    ]
    order = ("new", "gone", "more", "fewer")
    return sorted(found, key=lambda each: (order.index(each.kind), each.what, each.name))


def _of(
    what: str, before: list[Row], after: list[Row], key: tuple[str, ...],
    count: Callable[[Row], int],
) -> Iterable[Difference]:
    counts = _counts(before, key, count), _counts(after, key, count)
    for name in sorted(counts[0].keys() | counts[1].keys()):
        kind = _kind(counts[0].get(name, 0), counts[1].get(name, 0))
        if kind:
            yield Difference(kind, what, name, counts[0].get(name, 0), counts[1].get(name, 0))


def _first(
    what: str, before: list[Row], after: list[Row], key: tuple[str, ...],
    count: Callable[[Row], int],
) -> Iterable[Difference]:
    """Yield what was first seen in the later period: its rows are such, so that none can be gone.

    COUNT is of all time.
    """
    known = _counts(before, key, count)
    for name, number in sorted(_counts(after, key, count).items()):
        if name not in known:
            yield Difference("new", what, name, 0, number)


def _shapes(before: Summary, after: Summary, is_known: bool) -> tuple[list[Row], list[Row]]:
    """Return the shapes new to machines of both periods: IS_KNOWN, the fleet had them before."""
    first, then = (
        [row for row in summary.shapes if (row["known_since"] is not None) == is_known]
        for summary in (before, after)
    )
    return first, then


def _counts(
    rows: list[Row], key: tuple[str, ...], count: Callable[[Row], int]
) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for row in rows:
        name = tuple(_text(row[column]) for column in key)
        found[name] = found.get(name, 0) + count(row)
    return found


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _kind(before: int, after: int) -> str:
    if not before or not after:
        return "" if before == after else ("new" if after else "gone")
    more, fewer = max(before, after), min(before, after)
    if more < RATIO * fewer or more - fewer < LEAST:
        return ""
    return "more" if after > before else "fewer"


def _totals(before: Summary, after: Summary) -> Iterable[Difference]:
    for name in ("allowed", "refused", "failed", "write_bytes"):
        kind = _kind(before.total(name), after.total(name))
        if kind:
            yield Difference(kind, "total", (name,), before.total(name), after.total(name))


def _used(row: Row) -> int:
    return int(row["allowed"]) + int(row["refused"]) + int(row["greeted"])


def _refused(row: Row) -> int:
    return int(row["refused"])


def _records(row: Row) -> int:
    return int(row["records"])


def _runs(row: Row) -> int:
    return int(row["runs"])


def _one(_row: Row) -> int:
    return 1


def _heard_in(before: Summary, after: Summary) -> Callable[[Row], int]:
    """Return what tells whether a machine was heard of in the period that its row is of.

    The rows of both count all time up to the period's end, so a silent one is in both.
    """
    silent = {id(row) for summary in (before, after) for row in summary.silent}
    return lambda row: 0 if id(row) in silent else 1
