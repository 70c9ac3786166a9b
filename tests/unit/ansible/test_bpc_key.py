"""The module bpc_key brings a key to a state, as a process of its own on a client with a guard.

tests/lab/ansible has it run by ansible-core, over ssh.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import yaml

from bpc_ssh_guard.authorized_keys import expiry
from tests.unit.keyagent.scenes import BACKUP, NEW, NEXT, RESTORE, Client, keyid, public

from .module import Task, bpc_key

if TYPE_CHECKING:
    from pathlib import Path

NEW_KEY = {"label": "backup", "public_key": f"{public(NEW)} backuppc@server\n"}
OLD_KEY = {"label": "backup", "key_id": keyid(BACKUP)}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """Return the module on a client of its own."""
    return Task(Client(str(tmp_path)))


def stage(task: Task) -> None:
    """Stage the new key and log in with it."""
    assert task.bring("staged", **NEW_KEY)
    assert task.client.greet("backup", NEW) == "2"


# States of keys


def test_each_step_of_a_rotation_changes_something_once(task: Task) -> None:
    others = task.client.others("backup")
    for state, key in (("staged", NEW_KEY), ("confirmed", NEW_KEY), ("retired", OLD_KEY)):
        assert task.bring(state, **key)
        before = task.client.read_keys()
        assert not task.bring(state, **key)
        assert task.client.read_keys() == before
        task.client.greet("backup", NEW)
    assert [line.compose() for line in task.client.lines_of("backup")] == [
        task.client.line("backup", NEW, 2)]
    assert task.client.others("backup") == others


def test_a_confirmed_key_is_not_staged_again(task: Task) -> None:
    assert not task.bring("staged", label="backup", public_key=public(BACKUP))


def test_a_staged_key_is_dropped_once(task: Task) -> None:
    stage(task)
    key = {"label": "backup", "key_id": keyid(NEW)}
    assert [task.bring("dropped", **key) for _ in range(2)] == [True, False]
    assert len(task.client.lines_of("backup")) == 1


def test_a_key_that_was_staged_too_long_gets_another_day(task: Task) -> None:
    stage(task)
    (_, line) = task.client.lines_of("backup")
    past = task.client.read_keys().replace(line.expiry or b"", expiry.PAST)
    task.client.write_keys(*past.split(b"\n")[:-1])
    told = task.run("staged", **NEW_KEY)
    assert (told["changed"], told["gen"]) == (True, 2)
    assert task.client.lines_of("backup")[1].expiry == expiry.at(told["until"])


def test_a_new_key_gets_the_generation_that_is_asked_for(task: Task) -> None:
    assert task.run("staged", generation=7, **NEW_KEY)["gen"] == 7
    assert not task.bring("staged", generation=7, **NEW_KEY)
    assert task.refused("staged", generation=8, **NEW_KEY)["reason"] == "key-conflict"


def test_of_two_servers_that_stage_the_same_generation_one_is_refused(task: Task) -> None:
    task.bring("staged", generation=2, label="backup", public_key=public(NEXT))
    assert task.refused("staged", generation=2, **NEW_KEY)["error"] == "conflict"


def test_tells_the_key_with_its_generation_and_end(task: Task) -> None:
    told = task.run("staged", **NEW_KEY)
    (_, line) = task.client.lines_of("backup")
    assert told == {"changed": True, "label": "backup", "key": keyid(NEW), "gen": 2,
                    "until": expiry.seconds_of(line.expiry)}
    assert task.run("staged", **NEW_KEY) == {**told, "changed": False}


def test_a_line_that_the_guard_did_not_write_is_no_key_in_a_state(task: Task) -> None:
    by_hand = task.client.line("backup", NEW).replace(b"restrict,", b"no-pty,")
    task.client.write_keys(by_hand, *task.client.read_keys().split(b"\n")[:-1])
    assert task.refused("staged", **NEW_KEY)["reason"] == "key-conflict"
    assert task.refused("retired", **NEW_KEY)["reason"] == "key-conflict"
    assert task.refused("confirmed", **NEW_KEY)["reason"] == "no-such-key"


# What is refused


@pytest.mark.parametrize(
    ("state", "key", "error", "reason"),
    [
        ("confirmed", NEW_KEY, "refused", "not-proven"),
        ("confirmed", {"label": "backup", "key_id": keyid(NEXT)}, "no-such-key", "no-such-key"),
        ("retired", OLD_KEY, "refused", "last-key"),
        ("dropped", OLD_KEY, "conflict", "key-conflict"),
        ("staged", {"label": "other", "public_key": public(NEXT)}, "refused", "not-rotatable"),
        ("staged", {"label": "backup", "public_key": public(NEXT)}, "conflict", "key-conflict"),
        ("staged", {"label": "backup", "public_key": "ssh-rsa AAAAB3NzaC1yc2EAAAABAwAAAAED"},
         "syntax", "bad-operand"),
    ],
)
def test_a_refusal_tells_its_reason_and_nothing_of_the_client(
    task: Task, state: str, key: dict[str, str], error: str, reason: str
) -> None:
    task.client.done(f"stage backup g2 {public(NEW)}")
    told = task.refused(state, **key)
    assert (told["error"], told["reason"], told["retry"]) == (error, reason, False)
    assert f": {reason}: " in told["msg"]
    assert set(told) == {"error", "msg", "reason", "retry"}
    assert task.client.root not in json.dumps(told)
    record = task.client.records()[-1]
    assert (record["event.action"], record["event.code"]) == ("command-denied", reason)


def test_says_that_the_same_may_succeed_later(task: Task) -> None:
    os.unlink(f"{task.client.state}/state")
    told = task.refused("listed")
    assert (told["error"], told["reason"], told["retry"]) == ("io", "cannot-record", True)


def test_what_the_client_has_no_answer_for_is_told_as_its_program_says(task: Task) -> None:
    told = task.refused("listed", rotation_label="backup")
    assert told["msg"].endswith(": Key backup says Backup, not Rotate; choose from rotate")
    told = task.refused("listed", guardctl="/nowhere/bpc-ssh-guardctl")
    assert "/nowhere/bpc-ssh-guardctl" in told["msg"]


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ({}, "all of the following are missing: public_key"),
        ({"public_key": "ssh-ed25519"}, "public_key: is not one line"),
        ({"public_key": f"{public(NEW)}\n{public(NEXT)}"}, "public_key: is not one line"),
        ({"public_key": "ssh-ed25519 AAAA*"}, "public_key: has no key"),
        ({"public_key": public(NEW).replace("ed25519", "rsa", 1)}, "names another type"),
        ({"public_key": f"no-pty {public(NEW)}"}, "public_key: has no key"),
        ({"key_id": keyid(NEW)}, "all of the following are missing: public_key"),
        ({"public_key": public(NEW), "key_id": keyid(NEW)}, "mutually exclusive"),
    ],
)
def test_what_names_no_one_public_key_is_refused(
    task: Task, key: dict[str, str], complaint: str
) -> None:
    assert complaint in task.refused("staged", label="backup", **key)["msg"]


@pytest.mark.parametrize("name", ["", keyid(NEW).upper(), f"{keyid(NEW)}0", f"cert-{keyid(NEW)}"])
def test_what_is_no_key_id_is_refused(task: Task, name: str) -> None:
    assert "32 hex digits" in task.refused("retired", label="backup", key_id=name)["msg"]


# Dry runs


def test_a_dry_run_says_what_would_change_and_changes_nothing(task: Task) -> None:
    assert task.would("staged", **NEW_KEY) == (True, "")
    assert task.would("confirmed", **NEW_KEY) == (True, "the label has no such key")
    assert task.would("dropped", **NEW_KEY) == (False, "")
    task.bring("staged", **NEW_KEY)
    assert task.would("staged", **NEW_KEY) == (False, "")
    assert task.would("confirmed", **NEW_KEY) == (True, "the key has not logged in")
    assert task.would("dropped", **NEW_KEY) == (True, "")
    task.client.greet("backup", NEW)
    assert task.would("confirmed", **NEW_KEY) == (True, "")
    assert task.would("retired", **OLD_KEY) == (
        True, "no later key is confirmed and has logged in")
    task.bring("confirmed", **NEW_KEY)
    assert task.would("confirmed", **NEW_KEY) == (False, "")
    assert task.would("dropped", **NEW_KEY) == (True, "the key is confirmed")
    assert task.would("retired", **OLD_KEY) == (True, "")


# Grants and the list


@pytest.mark.parametrize("label", ["restore", "local-restore"])  # with Grants remote and without
def test_a_grant_is_opened_once_and_closed_once(task: Task, label: str) -> None:
    grant = {"label": label, "for": "2h", "reason": "ticket 4711"}
    assert task.would("granted", **grant) == (True, "")
    first, second = (task.run("granted", **grant) for _ in range(2))
    assert (first["changed"], second["changed"]) == (True, False)
    (opened,) = task.run("listed")["grants"]
    assert {**first, "changed": False} == second == {
        "changed": False, "label": label, "id": opened["id"], "until": opened["until"]}
    (record,) = [r for r in task.client.records() if r["event.action"] == "grant-opened"]
    assert record["event.reason"] == "ticket 4711"
    assert task.would("ungranted", label=label) == (True, "")
    assert [task.bring("ungranted", label=label) for _ in range(2)] == [True, False]
    assert task.run("listed")["grants"] == []


def test_a_grant_ends_the_line_of_its_key_and_no_other(task: Task) -> None:
    before = task.client.others("restore")
    grant = {"label": "restore", "for": "1h"}
    told = task.run("granted", **grant)
    assert [line.expiry for line in task.client.lines_of("restore")] == [
        expiry.at(told["until"])]
    task.bring("ungranted", label="restore")
    assert [line.expiry for line in task.client.lines_of("restore")] == [expiry.PAST]
    assert task.client.others("restore") == before
    assert task.run("listed")["listed_keys"][1]["key"] == keyid(RESTORE)


@pytest.mark.parametrize(
    ("grant", "complaint"),
    [
        ({"label": "backup", "for": "2h"}, "is a backup key, and only restore keys take grants"),
        ({"label": "restore", "for": "8d"}, "a grant lasts at most 7 days"),
        ({"label": "restore"}, "all of the following are missing: for"),
    ],
)
def test_a_grant_that_the_client_does_not_have_is_refused(
    task: Task, grant: dict[str, str], complaint: str
) -> None:
    assert complaint in task.refused("granted", **grant)["msg"]


def test_to_close_the_grant_of_a_key_that_needs_none_leaves_it_alone(task: Task) -> None:
    before = task.client.read_keys()
    assert not task.bring("ungranted", label="backup")
    assert task.client.read_keys() == before


def test_the_list_is_the_one_that_the_rotation_key_is_told(task: Task) -> None:
    answer = task.client.ask("list")
    names = ("authorities", "grants", "duplicates", "foreign", "mode")
    assert task.run("listed") == {"changed": False, "listed_keys": answer["keys"],
                                  **{name: answer[name] for name in names}}


# The page


def test_the_page_tells_of_everything_that_is_returned(task: Task) -> None:
    results = (
        task.run("listed"), task.run("confirmed", check=True, **NEW_KEY),
        task.run("staged", **NEW_KEY), task.run("confirmed", **NEW_KEY),
        task.run("granted", **{"label": "restore", "for": "1h"}),
    )
    told = {name for each in results for name in each} - {"changed", "failed", "msg", "warnings"}
    assert told == set(yaml.safe_load(bpc_key().RETURN))
