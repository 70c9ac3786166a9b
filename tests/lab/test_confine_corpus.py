"""Every confine entry of the corpus, run for real, stays inside its roots."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.lab

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
CORPUS = os.path.join(CHECKOUT, "tests", "corpus", "attacks.jsonl")

# A mount that root puts into a root is part of it: bpc-ssh-guard-threats(7), WHAT STAYS OPEN.
OPEN = {"rsync-stream-005": ["the sentinel came out"]}

# What the kernel confines a root guard with on any Linux of the last years.
LAYERS = ("seccomp", "caps", "ns")


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """Run every confine entry once, in one namespace, and return what came of each by its id."""
    with open(CORPUS, encoding="ascii") as file:
        entries = [line for line in file if json.loads(line)["expect"] == "confine"]
    done = subprocess.run(
        ["unshare", "--mount", "/usr/bin/python3", "-m", "tests.lab.escape_world", CHECKOUT],
        input="".join(entries), stdout=subprocess.PIPE, text=True, timeout=300, check=True,
        cwd=CHECKOUT,
    )
    return {(answer := json.loads(line))["id"]: answer for line in done.stdout.splitlines()}


def test_nothing_escapes_but_what_the_pages_leave_open(results: dict[str, dict[str, Any]]) -> None:
    escaped = {name: each["escapes"] for name, each in results.items() if each["escapes"]}

    assert escaped == OPEN


def test_every_entry_was_run(results: dict[str, dict[str, Any]]) -> None:
    assert len(results) == 40


def test_what_was_allowed_ran_confined(results: dict[str, dict[str, Any]]) -> None:
    layers = {name: each["layers"] for name, each in results.items() if each["allowed"]}

    assert len(layers) >= 30, "most entries can't be refused by their arguments"
    for name, found in layers.items():
        assert all(layer in found for layer in LAYERS), (name, found)
