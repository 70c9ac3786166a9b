"""The log read back: every record, and each line that is none by its number."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpc_ssh_guard.record.line import RECORD_LIMIT
from bpc_ssh_guard.record.read import read

from . import scenes


@pytest.fixture
def log(directory, tmp_path):
    """Return a function that writes a log of exactly CONTENT and returns what is read."""
    (tmp_path / "log").mkdir()

    def written(content: bytes) -> list:
        with open(scenes.log_path(directory), "wb") as file:
            file.write(content)
        return list(read(str(tmp_path / "log")))

    return written


def test_reads_what_the_sink_wrote(directory, session, tmp_path) -> None:
    scenes.begin(directory)
    lines = scenes.every_line(session)
    scenes.append(directory, *lines)
    found = list(read(str(tmp_path / "log")))
    assert [line.number for line in found] == list(range(1, len(lines) + 2))
    assert scenes.told(directory) == [json.loads(line) for line in lines]
    assert [line.record for line in found] == scenes.records(directory)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b'{"a":',
        b"\xff\xfe",
        b"[1]",
        b'"text"',
        b"null",
        b"[" * 60_000,
        b'{"a":' + b"9" * 60_000 + b"}",
        b'{"a":"' + b"x" * RECORD_LIMIT + b'"}',
        b"\0" * 1_000_000,
    ],
)
def test_a_line_that_is_no_record_is_told_by_number_and_harms_no_other(log, bad) -> None:
    first, second, third = log(b'{"a":1}\n' + bad + b'\n{"a":3}\n')
    assert (first.record, first.problem) == ({"a": 1}, "")
    assert (second.number, second.record) == (2, None)
    assert second.problem
    assert (third.number, third.record) == (3, {"a": 3})


def test_a_torn_last_line_is_told(log) -> None:
    assert [line.record for line in log(b'{"a":1}\n{"a')] == [{"a": 1}, None]


def test_the_longest_record_is_read(log) -> None:
    value = "x" * (RECORD_LIMIT - len('{"a":""}\n'))
    assert log(b'{"a":"%s"}\n' % value.encode())[0].record == {"a": value}


def test_an_endless_line_takes_no_memory(log) -> None:
    tracemalloc.start()
    found = log(b"x" * 20_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 1
    assert peak < 30_000_000


def test_an_empty_log_has_no_records(log) -> None:
    assert log(b"") == []


def test_a_missing_log_is_an_error(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read(str(tmp_path)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_read_line_by_line(log, pieces) -> None:
    content = b"\n".join(pieces)
    numbers = [line.number for line in log(content)]
    ended = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert numbers == list(range(1, ended + 1))
