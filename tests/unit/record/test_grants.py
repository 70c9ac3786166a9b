"""The records of a grant: who opened what for how long, and why it is over."""

from __future__ import annotations

import json
import os
import pwd

import pytest

from bpc_ssh_guard.record.event import ACTIONS
from bpc_ssh_guard.record.grants import CLOSED, Administration
from bpc_ssh_guard.record.line import LINE_LIMIT

from . import scenes


@pytest.fixture
def admin() -> Administration:
    """Return the run of an admin who came by sudo."""
    return Administration.begin(b"web1-restore", b"alice")


def test_an_opening_says_what_until_when_and_why(admin) -> None:
    record = json.loads(scenes.grant_opened(admin))
    expected = {
        "event.action": "grant-opened",
        "bpc.key.label": "web1-restore",
        "bpc.grant.id": scenes.GRANT.decode(),
        "bpc.grant.until": "2026-11-24T00:00:00.000000Z",
        "bpc.grant.paths": ["/srv/restore"],
        "event.reason": "disk of db1 lost",
        "bpc.policy.sha256": scenes.POLICY,
    }
    assert {name: record[name] for name in expected} == expected
    assert "bpc.key.id" not in record


def test_it_says_who_ran_it_by_the_real_uid(admin) -> None:
    record = json.loads(scenes.grant_opened(admin))
    assert record["user.id"] == str(os.getuid())
    assert record["user.name"] == pwd.getpwuid(os.getuid()).pw_name
    assert record["bpc.grant.sudo_user"] == "alice"
    assert "source.ip" not in record


def test_without_sudo_it_names_nobody_else() -> None:
    record = json.loads(scenes.grant_opened(Administration.begin(b"web1-restore")))
    assert "bpc.grant.sudo_user" not in record


def test_an_opening_without_a_reason_has_none(admin) -> None:
    assert "event.reason" not in json.loads(scenes.grant_opened(admin, reason=b""))


@pytest.mark.parametrize("code", sorted(CLOSED))
def test_a_close_says_why(admin, code) -> None:
    record = json.loads(admin.grant_closed(code=code, identity=scenes.GRANT, until=1795478400))
    assert record["event.action"] == "grant-closed"
    assert (record["event.code"], record["event.reason"]) == (code, CLOSED[code])
    assert record["bpc.grant.id"] == scenes.GRANT.decode()
    assert record["bpc.grant.until"] == "2026-11-24T00:00:00.000000Z"


def test_a_grant_that_could_not_be_read_is_closed_without_id(admin) -> None:
    record = json.loads(admin.grant_closed(code="revoked"))
    assert {"bpc.grant.id", "bpc.grant.until"}.isdisjoint(record)


def test_each_line_has_the_category_type_and_outcome_of_its_action() -> None:
    for line in scenes.grant_lines():
        record = json.loads(line)
        (category,), (kind,) = record["event.category"], record["event.type"]
        assert (category, kind, record["event.outcome"]) == ACTIONS[record["event.action"]]


def test_the_lines_of_one_run_share_its_id(admin) -> None:
    lines = [scenes.grant_opened(admin), admin.grant_closed(code="replaced")]
    assert {json.loads(line)["process.entity_id"] for line in lines} == {admin.entity_id}


def test_no_name_is_both_a_value_and_a_folder_of_others(session) -> None:
    lines = [*scenes.every_line(session), *scenes.grant_lines()]
    names = {name for line in lines for name in json.loads(line)}
    assert not [(a, b) for a in names for b in names if b.startswith(a + ".")]


def test_the_longest_grant_fits_a_line_and_keeps_its_id(admin) -> None:
    line = scenes.grant_opened(admin, paths=[b"/\xff" * 2000] * 4, reason=b"\xff" * 1024)
    assert len(line) <= LINE_LIMIT
    assert json.loads(line)["bpc.grant.id"] == scenes.GRANT.decode()


def test_what_sudo_says_is_cut_and_stays_text() -> None:
    hostile = b"\x1b[2J\xff" + b"x" * 5000
    line = scenes.grant_opened(Administration.begin(b"web1-restore", hostile))
    assert json.loads(line)["bpc.grant.sudo_user"] == "\x1b[2J\\xff" + "x" * 59
    assert line.isascii()
    assert b"\x1b" not in line
