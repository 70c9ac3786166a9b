"""Root on the client asks as a rotation key does: same rules, same records, no address."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from bpc_ssh_guard import exits
from tests.docs.console import Machine, commands
from tests.docs.pages import GUARDCTL, literal_blocks, policies
from tests.unit.keyagent.scenes import (
    BACKUP,
    CHECKOUT,
    NEW,
    NEXT,
    OTHER,
    ROTATE,
    Client,
    keyid,
    public,
)

# An admin's own login, from an address that the block doesn't name.
LOGIN = {"SSH_CONNECTION": "198.51.100.9 50022 192.0.2.1 22", "SSH_ORIGINAL_COMMAND": "bash"}


@pytest.fixture
def client(tmp_path) -> Client:
    """Return a client whose rotation key is let in from one address."""
    client = Client(str(tmp_path))
    with open(client.policy_path, "a", encoding="utf-8") as policy:
        policy.write("    From 192.0.2.7\n")
    client.write_keys(client.line("backup", BACKUP), client.line("rotate", ROTATE))
    return client


def run(client: Client, *words: str, label: str = "rotate") -> subprocess.CompletedProcess[str]:
    """Ask WORDS in a process of its own: it gives up for good what it doesn't need."""
    argv = [sys.executable, "-m", "bpc_ssh_guard", "guardctl", "key", "--policy"]
    return subprocess.run(
        [*argv, client.policy_path, label, *words], cwd=CHECKOUT, env={**os.environ, **LOGIN},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )


def ask(client: Client, request: str) -> dict[str, Any]:
    """Return the answer to REQUEST, which is done."""
    done = run(client, *request.split(" "))
    assert (done.returncode, done.stderr) == (exits.YES, ""), done
    answer: dict[str, Any] = json.loads(done.stdout)
    assert (answer["v"], answer["ok"]) == (1, True)
    return answer


def refused(client: Client, request: str, status: int = exits.NO) -> tuple[str, str]:
    """Return error and complaint of REQUEST, which changes nothing."""
    before = client.read_keys()
    done = run(client, *request.split(" "))
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"], client.read_keys()) == (status, False, before), done
    return answer["error"], done.stderr.removeprefix("bpc-ssh-guardctl: ").rstrip("\n")


def failed(client: Client, *words: str, label: str = "rotate") -> str:
    """Return the complaint of a run that asks nothing and records nothing."""
    before = client.records()
    done = run(client, *words, label=label)
    assert (done.returncode, done.stdout) == (exits.COULD_NOT_RUN, ""), done
    assert client.records() == before
    return done.stderr


# Requests


def test_replaces_a_key_as_the_rotation_key_would(client):
    others = client.others("backup")
    assert ask(client, f"stage backup g2 {public(NEW)}")["result"] == "staged"
    assert client.greet("backup", NEW) == "2"
    assert ask(client, f"confirm backup {keyid(NEW)}")["result"] == "confirmed"
    assert ask(client, f"retire backup {keyid(BACKUP)}")["result"] == "retired"
    assert ask(client, f"retire backup {keyid(BACKUP)}")["result"] == "already"
    (line,) = client.lines_of("backup")
    assert line.compose() == client.line("backup", NEW, 2)
    assert client.others("backup") == others


def test_lists_what_the_rotation_key_is_told(client):
    client.greet("backup", BACKUP)
    (key,) = ask(client, "list")["keys"]
    assert (key["label"], key["key"], key["gen"]) == ("backup", keyid(BACKUP), 1)
    assert key["proven"]


def test_a_key_is_confirmed_only_after_its_login(client):
    ask(client, f"stage backup g2 {public(NEW)}")
    error, words = refused(client, f"confirm backup {keyid(NEW)}")
    assert error == "refused"
    assert words == f"refused (not-proven): g2 {keyid(NEW)} has not logged in without a command"


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        (f"retire backup {keyid(BACKUP)}", "refused", "last-key"),
        (f"stage backup g1 {public(NEW)}", "conflict", "key-conflict"),
        (f"stage other g2 {public(NEW)}", "refused", "not-rotatable"),
        (f"confirm backup {keyid(NEW)}", "no-such-key", "no-such-key"),
        ("grant local-restore 7200", "refused", "not-rotatable"),
        ("stage backup g2 ssh-rsa AAAA", "syntax", "bad-operand"),
        ("list now", "syntax", "bad-operand"),
    ],
)
def test_root_has_no_more_rights_than_the_rotation_key(client, request_, error, reason):
    told, words = refused(client, request_)
    assert told == error
    assert words.startswith(f"refused ({reason}): ")


def test_opens_a_grant_where_the_policy_lets_a_rotation_key(client):
    assert ask(client, "grant restore 7200")["result"] == "granted"
    assert [grant["label"] for grant in ask(client, "list")["grants"]] == ["restore"]
    assert ask(client, "ungrant restore")["result"] == "ungranted"


def test_asks_for_the_confirmed_key_of_the_highest_generation(client):
    client.write_keys(
        client.line("rotate", NEW, 2), client.line("rotate", ROTATE),
        client.line("rotate", NEXT, 3, staged=True, expiry=b"20990101000000"),
        client.line("rotate", OTHER, 4, policy=b"/etc/another/policy"),
    )
    ask(client, "list")
    assert client.records()[-1]["bpc.key.id"] == keyid(NEW)


def test_counts_as_a_session_of_the_rotation_key(client):
    most = client.policy.blocks[b"rotate"].max_sessions
    taken = (
        "import sys, os; from bpc_ssh_guard.policy import limits\n"
        "limits.take_slot(*[os.fsencode(word) for word in sys.argv[1:3]], int(sys.argv[3]))\n"
        "print(flush=True); sys.stdin.read()"
    )
    holders = [
        subprocess.Popen([sys.executable, "-c", taken, client.state, "rotate", str(most)],
                         cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(most)
    ]
    try:
        for holder in holders:
            holder.stdout.readline()
        assert refused(client, "list")[0] == "busy"
    finally:
        for holder in holders:
            holder.communicate(timeout=60)
    assert ask(client, "list")["ok"]


# Records


def test_the_record_is_that_of_the_rotation_key_but_for_the_address(client):
    ask(client, f"stage backup g2 {public(NEW)}")
    record = client.records()[-1]
    assert record["event.action"] == "key-staged"
    assert record["process.command_line"] == f"bpc-key/1 stage backup g2 {public(NEW)}"
    assert (record["bpc.rotation.label"], record["bpc.rotation.id"]) == ("rotate", keyid(ROTATE))
    assert (record["bpc.key.id"], record["bpc.key.generation"]) == (keyid(NEW), 2)
    assert record["user.id"] == str(os.getuid())
    by_login = client.run("rotate", ROTATE, f"bpc-key/1 stage backup g2 {public(NEW)}")
    assert by_login.returncode == exits.YES
    only_by_login = set(client.records()[-1]) - set(record)
    address = {"source.ip", "source.port", "destination.ip", "destination.port"}
    assert only_by_login == address | {"event.code", "event.reason"}  # it is refreshed


def test_a_refusal_is_recorded_with_its_reason_and_the_request(client):
    refused(client, f"confirm backup {keyid(NEW)}")
    record = client.records()[-1]
    assert (record["event.action"], record["event.code"]) == ("command-denied", "no-such-key")
    assert record["process.command_line"] == f"bpc-key/1 confirm backup {keyid(NEW)}"
    assert (record["bpc.key.label"], record["bpc.key.id"]) == ("rotate", keyid(ROTATE))
    assert (record["bpc.purpose"], record["bpc.deny.failure"]) == ("rotate", False)
    assert record["bpc.policy.sha256"] == client.policy.sha256
    assert "source.ip" not in record


def test_what_can_not_be_recorded_is_not_done(client):
    os.unlink(f"{client.state}/state")
    before = client.read_keys()
    done = run(client, "stage", "backup", "g2", *public(NEW).split(" "))
    assert done.returncode == exits.COULD_NOT_RUN
    assert json.loads(done.stdout)["error"] == "io"
    assert done.stderr.startswith("bpc-ssh-guardctl: failed (cannot-record): ")
    assert client.read_keys() == before


# Nobody to ask for


def test_refuses_a_label_that_the_policy_does_not_have(client):
    assert failed(client, "list", label="web9") == (
        f"bpc-ssh-guardctl: {client.policy_path}: has no Key 'web9'; choose from rotate\n"
    )


def test_refuses_a_key_that_is_not_for_rotation(client):
    with open(client.policy_path, encoding="utf-8") as policy:
        line = policy.read().split("\n").index("Key backup") + 1
    assert failed(client, "list", label="backup") == (
        f"bpc-ssh-guardctl: {client.policy_path}:{line}: Key backup says Backup, not Rotate;"
        " choose from rotate\n"
    )


@pytest.mark.parametrize(
    "changes", [{"staged": True, "expiry": b"20990101000000"}, {"policy": b"/etc/another/policy"}]
)
def test_refuses_a_rotation_key_without_a_confirmed_line_of_this_policy(client, changes):
    client.write_keys(client.line("backup", BACKUP), client.line("rotate", ROTATE, **changes))
    assert failed(client, "list") == (
        f"bpc-ssh-guardctl: {client.keys_file}: has no line of Key rotate; add one with"
        f" bpc-ssh-guardctl authorize rotate PUBLIC-KEY --add {client.keys_file}\n"
    )


def test_refuses_a_keys_file_that_others_can_write(client):
    os.chmod(client.keys_file, 0o666)
    assert "writable by group or others" in failed(client, "list")


# The page


def test_the_page_shows_what_is_answered(tmp_path):
    (block,) = literal_blocks(GUARDCTL, "rotation")
    keys_file = f"AuthorizedKeys {tmp_path}/ssh/authorized_keys\n"
    machine = Machine(tmp_path, keys_file + dict(reversed(policies()))[GUARDCTL])
    for name, number in (("rotate", ROTATE), ("new", NEW)):
        (tmp_path / f"{name}.pub").write_text(f"{public(number)} a comment\n")
    for key in ("web1-backup web1-backup.pub", "web1-rotate rotate.pub"):
        machine.run(f"bpc-ssh-guardctl authorize {key} --add /root/.ssh/authorized_keys")
    for typed, shown in commands(block):
        assert without_end(machine.run(typed)) == without_end(shown)


def without_end(output: str) -> str:
    return re.sub(r'"until":[0-9]+', '"until":END', output)
