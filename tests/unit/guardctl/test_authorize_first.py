"""The first key of a label let in once: a play that names it for ever brings no old key back."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.guardctl.authorize import AuthorizeError

from . import scenes

FIRST, NEXT, OTHER = (scenes.public_key(number) for number in (1, 2, 3))
LABEL = "db-backup"


def test_adds_the_line_where_the_label_has_none(client):
    client.write_keys(scenes.words(OTHER))
    client.add("web1-backup", NEXT)
    assert client.add(LABEL, FIRST, first=True).changed
    assert client.read_keys().endswith(client.mark(LABEL, FIRST) + b"\n")


def test_says_so_where_the_first_key_is_still_the_one(client):
    client.add(LABEL, FIRST, first=True)
    before = client.read_keys()
    result = client.add(LABEL, FIRST, first=True)
    assert (result.changed, client.read_keys()) == (False, before)
    assert result.shown == f"{client.keys_file}:1: {LABEL} has a line already; nothing is to do"


@pytest.mark.parametrize("dry_run", [False, True])
def test_never_brings_a_retired_key_back(client, dry_run):
    for key in (FIRST, NEXT):
        client.add(LABEL, key)
    before = client.write_keys(client.read_keys().splitlines()[1])
    result = client.add(LABEL, FIRST, first=True, dry_run=dry_run)
    assert (result.changed, client.read_keys()) == (False, before)
    assert result.line.encode() + b"\n" == before


def test_a_staged_line_counts(checked):
    before = checked.write_keys(checked.managed(NEXT, staged=True, expiry=b"20990101000000"))
    assert not checked.add(LABEL, FIRST, first=True).changed
    assert checked.read_keys() == before


def test_a_line_that_an_admin_wrote_counts(client):
    by_hand = client.compose(LABEL, NEXT).replace(b"restrict,", b"no-pty,")
    before = client.write_keys(by_hand)
    assert not client.add(LABEL, FIRST, first=True).changed
    assert client.read_keys() == before


def test_refuses_a_first_key_that_has_a_free_login(client):
    before = client.write_keys(scenes.words(FIRST))
    with pytest.raises(AuthorizeError, match="1: this key has a free login"):
        client.add(LABEL, FIRST, first=True)
    assert client.read_keys() == before


def test_of_many_at_once_one_adds_its_key(client):
    runs = []
    for number in range(1, 7):
        with open(f"{client.root}/{number}.pub", "wb") as file:
            file.write(scenes.words(scenes.public_key(number)) + b"\n")
        words = ["guardctl", "authorize", "--policy", client.policy_path, "--first", "--json"]
        words += ["--add", client.keys_file, LABEL, file.name]
        runs.append(subprocess.Popen([sys.executable, "-m", "bpc_ssh_guard", *words],
                                     cwd=scenes.CHECKOUT, stdout=subprocess.PIPE))
    results = [json.loads(run.communicate(timeout=60)[0]) for run in runs]
    assert sorted(result["changed"] for result in results) == [False] * 5 + [True]
    (line,) = client.read_keys().splitlines()
    assert {result["line"].encode() for result in results} == {line}


# The command line


def authorize(client, *options: str) -> int:
    public = f"{client.root}/key.pub"
    with open(public, "wb") as file:
        file.write(scenes.words(FIRST) + b"\n")
    return main(["guardctl", "authorize", "--policy", client.policy_path, *options, LABEL, public])


def test_the_command_tells_a_script_whether_it_changed_anything(client, capsys):
    for changed in (True, False):
        assert authorize(client, "--add", client.keys_file, "--first", "--json") == exits.YES
        told = json.loads(capsys.readouterr().out)
        line = client.read_keys().decode().rstrip("\n")
        assert told == {"line": line, "path": client.keys_file, "number": 1, "changed": changed}


def test_the_command_wants_a_file_to_look_for_the_first_line_in(client, capsys):
    assert authorize(client, "--first") == exits.COULD_NOT_RUN
    assert capsys.readouterr().err == (
        "bpc-ssh-guardctl: --first looks for a line in a file; name the file with --add\n"
    )
