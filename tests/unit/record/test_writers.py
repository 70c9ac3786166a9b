"""Many guards at once on one log, and guards that are killed while they write."""

from __future__ import annotations

import json
import os
import random
import select
import signal

from bpc_ssh_guard.record.sink import Sink

from . import scenes

WRITERS = 20
RECORDS = 200


def write_records(directory: bytes, count: int) -> None:
    sink = Sink.open(directory)
    session = scenes.session()
    for number in range(count):
        sink.append(scenes.started(session, paths=[b"/%d" % number]))


def test_twenty_writers_lose_and_tear_nothing(directory) -> None:
    writers = [
        scenes.start(lambda: write_records(directory, RECORDS)) for _ in range(WRITERS)
    ]
    assert [os.waitpid(writer, 0)[1] for writer in writers] == [0] * WRITERS
    by_session: dict[str, list[str]] = {}
    for record in scenes.records(directory):
        by_session.setdefault(record["process.entity_id"], []).append(record["bpc.paths"][0])
    assert len(by_session) == WRITERS
    assert all(paths == [f"/{n}" for n in range(RECORDS)] for paths in by_session.values())


def write_until_killed(directory: bytes, acknowledged: int) -> None:
    """Append records for ever; tell each through the pipe once `append` has returned from it."""
    sink = Sink.open(directory)
    session = scenes.session()
    while True:
        line = scenes.started(session, argv=[b"x" * 1000] * 10)
        sink.append(line)
        stamp = json.loads(line)["@timestamp"]
        os.write(acknowledged, f"{session.entity_id} {stamp}\n".encode())


def test_killed_writers_lose_nothing_that_they_acknowledged(directory) -> None:
    """Kill 48 writers, 3 at a time, at any moment: inside the write, too."""
    reader, writer = os.pipe()
    told = bytearray()
    for _ in range(16):
        busy = [scenes.start(lambda: write_until_killed(directory, writer)) for _ in range(3)]
        enough = told.count(b"\n") + random.randint(3, 30)
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
    sink = Sink.open(directory)
    sink.append(scenes.started(scenes.session()))
    sink.close()

    written, torn = records_and_torn_lines(directory)
    acknowledged = set(told.decode().splitlines())
    assert len(acknowledged) >= 48
    assert acknowledged <= written
    # What a kill cut off is the beginning of a record and nothing else, one at most for each kill.
    assert len(torn) <= 48
    assert all(line[:14] == b'{"@timestamp":'[: len(line)] for line in torn)


def records_and_torn_lines(directory: bytes) -> tuple[set[str], list[bytes]]:
    written, torn = set(), []
    for line in scenes.log_lines(directory):
        try:
            record = json.loads(line)
        except ValueError:
            torn.append(line)
        else:
            written.add(f"{record['process.entity_id']} {record['@timestamp']}")
    return written, torn
