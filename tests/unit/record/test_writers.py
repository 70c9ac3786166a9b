"""Many guards at once on one log, and guards that are killed while they write."""

from __future__ import annotations

import json
import os
import random
import select
import signal

import pytest

from . import scenes
from .verifier import verify

WRITERS = 20
ROUNDS = 67


def write_records(directory: bytes, count: int) -> None:
    sink = scenes.open_sink(directory)
    session = scenes.session()
    for number in range(count):
        sink.append(scenes.started(session, paths=[b"/%d" % number]))


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.lab)])
def test_twenty_writers_lose_and_tear_nothing(directory, count: int) -> None:
    """A hundred thousand records take a minute: they are written where the labs run."""
    begun = scenes.begin(directory)
    writers = [
        scenes.start(lambda: write_records(directory, count)) for _ in range(WRITERS)
    ]
    assert [os.waitpid(writer, 0)[1] for writer in writers] == [0] * WRITERS
    found = verify(directory, begun.chain, begun.key)
    assert (found.findings, found.torn) == ([], 0)
    by_session: dict[str, list[str]] = {}
    for record in found.records:
        if "bpc.paths" in record:
            by_session.setdefault(record["process.entity_id"], []).append(record["bpc.paths"][0])
    assert len(by_session) == WRITERS
    assert all(paths == [f"/{n}" for n in range(count)] for paths in by_session.values())


def write_until_killed(directory: bytes, acknowledged: int) -> None:
    """Append records for ever; tell each through the pipe once `append` has returned from it."""
    sink = scenes.open_sink(directory)
    session = scenes.session()
    while True:
        line = scenes.started(session, argv=[b"x" * 1000] * 10)
        sink.append(line)
        stamp = json.loads(line)["@timestamp"]
        os.write(acknowledged, f"{session.entity_id} {stamp}\n".encode())


def test_killed_writers_lose_nothing_that_they_acknowledged(directory) -> None:
    """Kill 201 writers, 3 at a time, at any moment: inside the write, too."""
    begun = scenes.begin(directory)
    reader, writer = os.pipe()
    told = bytearray()
    for _ in range(ROUNDS):
        busy = [scenes.start(lambda: write_until_killed(directory, writer)) for _ in range(3)]
        enough = told.count(b"\n") + random.randint(3, 12)
        while told.count(b"\n") < enough:
            assert select.select([reader], [], [], 60)[0], "no writer writes"
            told += os.read(reader, 65536)
        for process in busy:
            os.kill(process, signal.SIGKILL)
        for process in busy:
            os.waitpid(process, 0)
    os.close(writer)
    while piece := os.read(reader, 65536):
        told += piece
    os.close(reader)
    scenes.append(directory, scenes.started(scenes.session()))

    found = verify(directory, begun.chain, begun.key)
    assert found.findings == []
    written = {f"{record.get('process.entity_id')} {record['@timestamp']}"
               for record in found.records}
    acknowledged = set(told.decode().splitlines())
    assert len(acknowledged) >= 3 * ROUNDS
    assert acknowledged <= written
