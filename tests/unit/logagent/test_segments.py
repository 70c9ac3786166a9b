"""The log's lines from a record on: over segments, up to the state's size, junk and all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.logagent import segments
from bpc_ssh_guard.record import segment
from bpc_ssh_guard.record.block import Block
from bpc_ssh_guard.record.line import RECORD_LIMIT
from tests.unit.record import scenes
from tests.unit.record.verifier import verify

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> bytes:
    """Return the folder of a log of three segments with 3, 4 and 5 records."""
    directory = os.fsencode(tmp_path / "log")
    begun = scenes.begin(directory)
    for count in (2, 3, 4):
        scenes.append(directory, *(b'{"event.action":"test"}\n' for _ in range(count)))
        turn_month(directory)
    found = verify(directory, begun.chain, begun.key)
    assert (len(found.records), found.findings) == (12, [])
    return directory


def turn_month(directory: bytes) -> None:
    """Let the state of the log be of another month, so that the next guard begins a segment."""
    path = scenes.state_of(directory) + b"/state"
    with open(path, "r+b") as file:
        block = Block.from_bytes(file.read())
        older = Block(block.sequence, block.size, block.first, b"200001", block.head, block.key,
                      block.chain)
        file.seek(0)
        file.write(older.to_bytes())


def state(directory: bytes) -> Block:
    """Return the log's state."""
    return scenes.open_sink(directory).inspect()


def names(directory: bytes) -> list[bytes]:
    """Return the segments' paths, the oldest first."""
    return sorted(directory + b"/" + n for n in os.listdir(directory) if segment.first_of(n) >= 0)


def content(directory: bytes) -> bytes:
    """Return all segments, one behind the other."""
    pieces = []
    for name in names(directory):
        with open(name, "rb") as file:
            pieces.append(file.read())
    return b"".join(pieces)


def exported(directory: bytes, first: int) -> bytes:
    return b"".join(segments.pieces(directory, first, state(directory)))


def test_there_are_three_segments(log: bytes) -> None:
    assert [segment.first_of(os.path.basename(name)) for name in names(log)] == [0, 3, 7]


@pytest.mark.parametrize("first", range(12))
def test_gives_every_record_from_the_first_on(log: bytes, first: int) -> None:
    lines = content(log).splitlines(keepends=True)
    assert exported(log, first) == b"".join(lines[first:])


def test_gives_nothing_from_the_end_on(log: bytes) -> None:
    assert exported(log, 12) == b""


def test_gives_no_byte_that_the_state_does_not_know(log: bytes) -> None:
    """What a guard is writing meanwhile comes with the next export, whole."""
    before = content(log)
    with open(names(log)[-1], "ab") as file:
        file.write(b'{"event.sequence":12,"to')
    assert exported(log, 0) == before


def test_gives_no_segment_that_the_state_does_not_know(log: bytes) -> None:
    before, known = content(log), state(log)
    scenes.append(log, b'{"event.action":"test"}\n')
    assert len(names(log)) == 4
    assert b"".join(segments.pieces(log, 0, known)) == before


def test_gives_what_stands_between_two_records_with_the_later_one(log: bytes) -> None:
    """The verifier holds it against the record that acknowledges it."""
    mark = len(content(log))
    with open(names(log)[-1], "ab") as file:
        file.write(b'{"event.sequence":12,"to')
    scenes.append(log, b'{"event.action":"test"}\n')
    assert exported(log, 12) == content(log)[mark:]
    assert exported(log, 12).startswith(b'{"event.sequence":12,"to\n{"event.sequence":12,')


@pytest.mark.parametrize("place", ["before", "behind"])
def test_gives_more_rather_than_less_where_a_line_was_forged(log: bytes, place: str) -> None:
    name = names(log)[1]
    with open(name, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    forged = b'{"event.sequence":4,"forged":true}\n'
    index = 1 if place == "before" else 2
    with open(name, "wb") as file:
        file.write(b"".join([*lines[:index], forged, *lines[index:]]))
    wanted = b"".join(lines[2:])
    assert wanted in exported(log, 5)


def test_gives_the_whole_segment_where_the_record_before_is_missing(log: bytes) -> None:
    name = names(log)[1]
    with open(name, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    with open(name, "wb") as file:
        file.write(b"".join([lines[0], *lines[2:]]))
    assert exported(log, 5).startswith(lines[0] + lines[2])


def test_begins_with_the_oldest_segment_there_is(log: bytes) -> None:
    os.unlink(names(log)[0])
    assert exported(log, 0) == content(log)


def test_a_line_without_end_is_read_in_bounded_memory(log: bytes) -> None:
    name = names(log)[1]
    with open(name, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    # The number stands where the reader begins a piece of the line, and not the line.
    junk = b"x" * (4 * RECORD_LIMIT) + b'{"event.sequence":4,"forged":true}\n'
    with open(name, "wb") as file:
        file.write(b"".join([lines[0], junk, *lines[1:]]))
    assert exported(log, 5).startswith(lines[2])


def test_a_log_shorter_than_its_state_is_an_error(log: bytes) -> None:
    known = state(log)
    os.truncate(names(log)[-1], 100)
    with pytest.raises(OSError, match="shorter"):
        list(segments.pieces(log, 0, known))


def test_follows_no_symbolic_link(log: bytes, tmp_path: Path) -> None:
    name = names(log)[0]
    os.rename(name, os.fsencode(tmp_path / "elsewhere"))
    os.symlink(os.fsencode(tmp_path / "elsewhere"), name)
    with pytest.raises(OSError):
        exported(log, 0)


def test_leaves_no_descriptor_open(log: bytes) -> None:
    sink = scenes.open_sink(log)
    known = sink.inspect()
    before = os.listdir("/proc/self/fd")
    list(segments.pieces(log, 0, known))
    reading = segments.pieces(log, 0, known)
    next(reading)
    reading.close()
    assert os.listdir("/proc/self/fd") == before
    sink.close()
