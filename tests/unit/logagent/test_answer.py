"""The lines of JSON that an auditor's program reads."""

from __future__ import annotations

import json
import os

import pytest

from bpc_ssh_guard.logagent import answer
from bpc_ssh_guard.record.sink import Checkpoint
from bpc_ssh_guard.vocabulary import REASONS


def test_a_checkpoint_is_four_values_in_one_line() -> None:
    point = Checkpoint(bytes(range(16)), 8, bytes(range(32)), b"\xff" * 16)
    line = answer.checkpoint(point)
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "v": 1, "ok": True, "chain": "000102030405060708090a0b0c0d0e0f", "sequence": 8,
        "head": bytes(range(32)).hex(), "proof": "ff" * 16,
    }  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_a_line_with_its_sentence(reason: str) -> None:
    line = answer.refusal(reason)
    assert line.count(b"\n") == 1
    said = {"v": 1, "ok": False, "error": reason, "message": REASONS[reason]}
    assert json.loads(line) == said


def test_sending_to_nobody_is_told_and_no_fault() -> None:
    read, write = os.pipe()
    os.close(read)
    kept = os.dup(answer.STDOUT)
    try:
        os.dup2(write, answer.STDOUT)
        assert not answer.send(b"x")
    finally:
        os.dup2(kept, answer.STDOUT)
        os.close(kept)
        os.close(write)
