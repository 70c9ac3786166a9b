"""The records of a key's life: about which key, on whose request, and until when."""

from __future__ import annotations

import json

import pytest

from bpc_ssh_guard.record.event import ACTIONS, Action
from bpc_ssh_guard.record.keys import UNUSUAL, Rotation

from . import scenes

ROTATION_KEY = (b"web1-rotate", b"0" * 32)
REQUEST = b"bpc-key/1 retire web1-backup " + scenes.KEY_ID


@pytest.fixture
def rotation(session) -> Rotation:
    """Return a request of the rotation key."""
    return Rotation(session, ROTATION_KEY, REQUEST, scenes.POLICY)


def test_a_change_is_about_the_key_that_changes_and_names_the_one_that_asked(rotation) -> None:
    key = (b"web1-restore", scenes.KEY_ID)
    record = json.loads(rotation.changed(Action.KEY_STAGED, key, 7, 1795478400))
    expected = {
        "event.action": "key-staged",
        "bpc.key.label": "web1-restore",
        "bpc.key.id": scenes.KEY_ID.decode(),
        "bpc.key.generation": 7,
        "bpc.key.expires": "2026-11-24T00:00:00.000000Z",
        "bpc.rotation.label": "web1-rotate",
        "bpc.rotation.id": "0" * 32,
        "process.command_line": REQUEST.decode(),
        "bpc.purpose": "rotate",
        "bpc.policy.sha256": scenes.POLICY,
        "source.ip": "192.0.2.77",
        "process.entity_id": rotation.session.entity_id,
    }
    assert {name: record[name] for name in expected} == expected
    assert "event.code" not in record


def test_a_key_without_a_line_has_neither_generation_nor_end(rotation) -> None:
    record = json.loads(rotation.changed(Action.KEY_DROPPED, (b"a", scenes.KEY_ID)))
    assert {"bpc.key.generation", "bpc.key.expires"}.isdisjoint(record)


@pytest.mark.parametrize("code", sorted(UNUSUAL))
def test_what_is_special_is_said(rotation, code) -> None:
    line = rotation.changed(Action.KEY_STAGED, (b"a", scenes.KEY_ID), 2, code=code)
    record = json.loads(line)
    assert (record["event.code"], record["event.reason"]) == (code, UNUSUAL[code])


def test_a_list_is_about_the_key_that_asked(rotation) -> None:
    record = json.loads(rotation.listed())
    assert (record["event.action"], record["bpc.key.label"]) == ("keys-listed", "web1-backup")
    assert "bpc.rotation.label" not in record


def test_each_line_has_the_category_type_and_outcome_of_its_action(session) -> None:
    for line in scenes.key_lines(session):
        record = json.loads(line)
        (category,), (kind,) = record["event.category"], record["event.type"]
        assert (category, kind, record["event.outcome"]) == ACTIONS[record["event.action"]]


def test_no_name_is_both_a_value_and_a_folder_of_others(session) -> None:
    lines = [*scenes.every_line(session), *scenes.grant_lines(), *scenes.key_lines(session)]
    names = {name for line in lines for name in json.loads(line)}
    assert not [(a, b) for a in names for b in names if b.startswith(a + ".")]
