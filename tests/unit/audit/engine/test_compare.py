"""A comparison tells what is new, gone, or clearly more or less often, and nothing else."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.audit.engine.compare import Difference, compare
from bpc_ssh_guard.audit.engine.period import Period
from bpc_ssh_guard.audit.engine.summary import Summary

EMPTY = {name: [] for name in ("days", "refusals", "hosts", "keys", "addresses", "shapes",
                               "restores", "grants", "silent")}


def _summary(**rows: list) -> Summary:
    return Summary(Period("2026-10-01", "2026-10-31"), "", **{**EMPTY, **rows})


def _refusals(count: int) -> list:
    return [{"code": "outside-roots", "host": "web1", "label": "b", "refused": count}] * bool(count)


NAME = ("outside-roots", "web1", "b")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [(0, 1, "new"), (1, 0, "gone"), (10, 20, "more"), (20, 10, "fewer"), (10, 19, None),
     (1, 4, None), (5, 5, None)],
)
def test_a_change_is_told_when_it_is_clear(before: int, after: int, kind: str | None) -> None:
    found = compare(_summary(refusals=_refusals(before)), _summary(refusals=_refusals(after)))
    expected = [Difference(kind, "refusal", NAME, before, after)] if kind else []
    assert found == expected


def test_a_machine_that_fell_silent_is_gone() -> None:
    row = {"host": "web1", "first_time": "2026-09-01", "last_time": "2026-10-02", "records": 5}
    silent = dict(row)
    found = compare(_summary(hosts=[row]), _summary(hosts=[silent], silent=[silent]))
    assert [(each.kind, each.what, each.name) for each in found] == [("gone", "machine", ("web1",))]


def _address(name: str) -> dict:
    return {"host": "web1", "label": "b", "key_id": "k", "address": name, "records": 3}


def _shape(paths: list[str], known_since: str | None = None, host: str = "web1") -> dict:
    return {"rule": "rsync-send", "features": None, "paths": paths, "runs": 2, "host": host,
            "known_since": known_since}


def test_what_was_first_seen_is_new_and_is_never_gone() -> None:
    """The rows are of what is new in a period; what was new before is in use still."""
    found = compare(_summary(addresses=[_address("192.0.2.1")], shapes=[_shape(["/etc"])]),
                    _summary(addresses=[_address("192.0.2.9")], shapes=[_shape(["/srv", "/a"])]))
    assert found == [
        Difference("new", "address", ("web1", "b", "192.0.2.9"), 0, 3),
        Difference("new", "command", ("web1", "rsync-send", "/srv /a", ""), 0, 2),
    ]
    same = _summary(addresses=[_address("192.0.2.1")], shapes=[_shape(["/etc"])])
    assert compare(same, same) == []


def test_a_command_that_comes_to_another_machine_is_told_apart_from_one_nobody_ran() -> None:
    """Even if it was new, elsewhere, in the period before."""
    before = _summary(shapes=[_shape(["/etc"], "2026-08-01"), _shape(["/srv"])])
    after = _summary(shapes=[_shape(["/etc"], "2026-08-01", "web2"),
                             _shape(["/srv"], "2026-10-03", "web2"), _shape(["/x"], None, "web2")])
    assert [(each.what, each.name) for each in compare(before, after)] == [
        ("command", ("web2", "rsync-send", "/x", "")),
        ("known-command", ("web2", "rsync-send", "/etc", "")),
        ("known-command", ("web2", "rsync-send", "/srv", "")),
    ]


def test_what_is_new_is_told_first() -> None:
    key = {"host": "web1", "label": "b", "key_id": "k", "allowed": 1, "refused": 0, "greeted": 0}
    found = compare(_summary(refusals=_refusals(3)), _summary(keys=[key]))
    assert [each.kind for each in found] == ["new", "gone"]
