"""The line that BackupPC's transfer log keeps."""

from __future__ import annotations

import os
import re

import pytest

from bpc_ssh_guard.record import witness
from bpc_ssh_guard.record.begin import Begun

from . import scenes
from .verifier import verify

FORM = re.compile(
    rb"^bpc-ssh-guard: checkpoint 1 ([0-9a-f]{32}) ([0-9]{1,20}) ([0-9a-f]{64})\n$"
)
# What BackupPC 4 and rsync_bpc count as an error or read as their own.
READ_OTHERWISE = (b"ERROR: ", b"rsync error: ", b"rsync warning: ", b"log:", b"Done")


@pytest.fixture
def begun(directory: bytes) -> Begun:
    return scenes.begin(directory)


def told(directory: bytes, stderr: int) -> None:
    """Let the log in DIRECTORY be told on STDERR."""
    sink = scenes.open_sink(directory)
    kept = os.dup(witness.STDERR)
    try:
        os.dup2(stderr, witness.STDERR)
        witness.tell(sink)
    finally:
        os.dup2(kept, witness.STDERR)
        os.close(kept)
        sink.close()


def test_says_chain_number_and_head_of_all_records(directory: bytes, begun: Begun) -> None:
    scenes.append(directory, b'{"event.action":"test"}\n')
    read, write = os.pipe()
    told(directory, write)
    line = os.read(read, 4096)

    found = verify(directory, begun.chain, begun.key)
    says = FORM.match(line)
    assert says is not None
    assert says.groups() == (
        begun.chain.hex().encode(), b"%d" % len(found.records), found.head.hex().encode(),
    )  # fmt: skip
    assert not line.startswith(READ_OTHERWISE)
    os.close(read)
    os.close(write)


def test_nobody_listening_is_no_fault(directory: bytes, begun: Begun) -> None:
    read, write = os.pipe()
    os.close(read)
    told(directory, write)
    os.close(write)


def test_a_log_that_cannot_be_looked_at_is_no_fault(directory: bytes, begun: Begun) -> None:
    """The start is recorded already: the command it allowed must not fail for the witness."""
    with open(scenes.state_of(directory) + b"/state", "r+b") as file:
        file.write(b"damaged")
    read, write = os.pipe()
    told(directory, write)
    os.close(write)
    assert os.read(read, 1) == b""
    os.close(read)
