"""`bpc-ssh-guardctl explain --batch` gives every entry of the corpus its verdict."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import corpus
from tests.oracles.corpus import Entry

REPOSITORY = Path(__file__).parent.parent.parent
Answers = dict[str, list[dict[str, Any]]]


def label_of(entry: Entry, operation: str) -> str:
    """Return the label of the key that has OPERATION and what ENTRY's policy says."""
    features = "-".join(sorted(feature.replace("-", "")[:3] for feature in entry.accept))
    return f"{operation}-{'d' if entry.delete else 'k'}-{features or 'none'}"


def policy_text() -> str:
    """Return one policy with a block for every right, deletion and set of features needed."""
    blocks: dict[str, str] = {}
    for entry in corpus.all_entries():
        for operation in ("backup", "restore"):
            text = corpus.policy_text(entry).decode()
            own, other = text.split("Key corpus-restore\n")
            body = own.split("Key corpus-backup\n")[1] if operation == "backup" else other
            blocks[label_of(entry, operation)] = body
    return "Confine off\n" + "".join(f"Key {label}\n{body}" for label, body in blocks.items())


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """Return the answers of one run over all entries, by id."""
    policy = tmp_path_factory.mktemp("explain") / "policy"
    policy.write_text(policy_text())
    policy.chmod(0o600)
    questions = [
        {
            "id": entry.id,
            "key": label_of(entry, operation),
            "command": None if entry.command is None else corpus.to_text(entry.command),
            "stdin_hex": entry.stdin.hex() or None,
        }
        for entry in corpus.all_entries()
        for operation in entry.operations
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bpc_ssh_guard", "guardctl", "explain", "--policy", str(policy),
         "--batch"],
        input="".join(json.dumps(question) + "\n" for question in questions).encode("ascii"),
        env={**os.environ, "LC_ALL": "C"}, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True,
        timeout=120,
    )  # fmt: skip
    found: Answers = {}
    for line in done.stdout.decode("ascii").splitlines():
        found.setdefault(json.loads(line)["id"], []).append(json.loads(line))
    return found


def verdict(each: list[dict[str, Any]]) -> str:
    return "allow" if any(answer["verdict"] == "allow" for answer in each) else "refuse"


def wrong(answers: Answers, expected: str) -> list[str]:
    return [
        entry.id
        for entry in corpus.all_entries()
        if entry.expect == expected and verdict(answers[entry.id]) != expected
    ]


def test_every_question_is_answered(answers: Answers) -> None:
    assert {entry.id: len(entry.operations) for entry in corpus.all_entries()} == {
        identifier: len(each) for identifier, each in answers.items()
    }


def test_no_false_refusal(answers: Answers) -> None:
    assert wrong(answers, "allow") == []


def test_no_false_permission(answers: Answers) -> None:
    assert wrong(answers, "refuse") == []


@functools.lru_cache(maxsize=1)
def allowed() -> tuple[Entry, ...]:
    return tuple(entry for entry in corpus.all_entries() if entry.expect == "allow")


def test_an_allowed_entry_names_what_would_run(answers: Answers) -> None:
    for entry in allowed():
        for answer in answers[entry.id]:
            assert answer["reason"] is None
            assert answer["operation"] in entry.operations
            assert answer["argv"][0] == f"/usr/bin/{answer['program']}"
            assert answer["paths"]
            for path in answer["paths"]:
                assert path in answer["argv"]


def test_an_allowed_entry_names_the_features_it_needs(answers: Answers) -> None:
    for entry in allowed():
        if entry.origin == corpus.BACKUPPC:
            assert sorted(answers[entry.id][0]["needs"]) == sorted(entry.accept), entry.id


def test_a_refused_entry_names_its_reason_and_runs_nothing(answers: Answers) -> None:
    for each in answers.values():
        for answer in each:
            if answer["verdict"] == "refuse":
                assert answer["reason"]
                assert answer["argv"] == []
