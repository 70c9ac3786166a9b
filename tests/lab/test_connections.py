"""Twenty connections at once are all served and all recorded, each line whole."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from . import trees
from .process import TIME_LIMIT, running

if TYPE_CHECKING:
    from .clients import SshClient
    from .host import CommandLog

pytestmark = pytest.mark.lab

COUNT = 20


def test_twenty_connections_at_once_are_served_and_recorded(
    backup_key: SshClient, log: CommandLog, data: str
) -> None:
    for number in range(COUNT):
        os.mkdir(f"{data}/{number}")
        trees.write_file(f"{data}/{number}/file", f"content {number}\n")
    mark = log.mark()

    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(running(backup_key.argv(f"tar -c -f - -C {data}/{number} .")))
            for number in range(COUNT)
        ]
        archives = [client.communicate(timeout=TIME_LIMIT)[0] for client in clients]

    assert [client.returncode for client in clients] == [0] * COUNT
    for number, archive in enumerate(archives):
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            content = members.extractfile("./file")
            assert content is not None
            assert content.read() == b"content %d\n" % number
    records = log.settled(mark)  # raises on a torn line
    started = [r["process.entity_id"] for r in records if r["event.action"] == "command-started"]
    ended = [r["process.entity_id"] for r in records if r["event.action"] == "command-ended"]
    assert len(records) == 2 * COUNT
    assert len(set(started)) == COUNT
    assert sorted(started) == sorted(ended)
