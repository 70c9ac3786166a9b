"""Work grows with the length of the input and no faster, counted in executed lines, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from bpc_ssh_guard.command import secluded, words
from bpc_ssh_guard.command.parse import understand
from bpc_ssh_guard.errors import GuardFailure, Refused
from bpc_ssh_guard.grammar import driver
from bpc_ssh_guard.grammar.tables import words as words_table
from bpc_ssh_guard.policy import load
from tests.oracles.answers import Source, no_list
from tests.oracles.writing import vector

# Twice the input may cost a little more than twice the work: the constant part is cheap.
TWICE = 2.1
Job = Callable[[], object]


def lines_run(job: Job) -> int:
    """Return how many lines of Python JOB executes, refusals included."""
    count = 0

    def tracer(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        job()
    except (Refused, GuardFailure, driver.Unparsable):
        pass
    finally:
        sys.settrace(before)
    return count


def assert_linear(job_of: Callable[[int], Job], size: int) -> None:
    once, twice = lines_run(job_of(size)), lines_run(job_of(2 * size))
    assert twice <= TWICE * once + 100, f"{once} lines for {size}, {twice} for {2 * size}"


UNITS = {
    "one long word": b"a", "words of one letter": b"a ", "blanks": b"    ", "quotes": b"'a'",
    "escapes": b"\\ ", "escaped backslashes": b"\\\\ ", "high bytes": b"\xff", "tildes": b"1~",
    "C1": b"\xc2\x85", "open quotes": b"'", "NUL": b"\0", "names": b"a= ", "a number": b"0",
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_reading_tokens(unit: bytes) -> None:
    def job_of(size: int) -> Job:
        data = unit * (size // len(unit))
        return lambda: driver.parse(words_table, "start", data)

    assert_linear(job_of, 16 * 1024)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_splitting_a_command(unit: bytes) -> None:
    def job_of(size: int) -> Job:
        data = b"a " + unit * (size // len(unit))
        return lambda: words.split(data)

    assert_linear(job_of, 16 * 1024)


COMMANDS = {
    "rsync paths": (b"rsync --server --sender -l .", b" /srv/data/a"),
    "rsync paths with escapes": (b"rsync --server --sender -l .", b" /srv/\\ \\ "),
    "a bad rsync path last": (b"rsync --server --sender -l . /a", b" /a"),
    "rsync options": (b"rsync --server --sender -l", b" --numeric-ids"),
    "rsync letters": (b"rsync --server --sender -", b"v"),
    "tar names": (b"tar -c -f - -C /srv/data", b" ./a"),
    "tar excludes": (b"tar -c -f - -C /srv/data", b" --exclude=a"),
    "prefixes": (b"", b"sudo "),
    "locales": (b"env", b" LC_ALL=C"),
}


@pytest.mark.parametrize(("head", "unit"), COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("tail", [b"", b" ..", b" --x"], ids=["good", "bad operand", "bad option"])
def test_understanding_a_command_of_many_words(head: bytes, unit: bytes, tail: bytes) -> None:
    def job_of(size: int) -> Job:
        data = head + unit * size + tail
        return lambda: understand(data, no_list)

    assert_linear(job_of, 400)


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        (vector(b"rsync", b"."), vector(b"/srv/data/a"), b"\0"),
        (vector(b"rsync", b"."), vector(b"/" + b"a" * 250), b"\0"),
        (vector(b"rsync", b"."), b"a", b"\0\0"),
        (vector(b"rsync"), vector(b"--numeric-ids"), b".\0/a\0\0"),
        (b"", b"\0", b""),
        (b"", b"rsync\0", b""),
    ],
)
def test_reading_a_secluded_list(head: bytes, unit: bytes, tail: bytes) -> None:
    def job_of(size: int) -> Job:
        data = head + unit * size + tail
        return lambda: secluded.collect(Source(data).read)

    assert_linear(job_of, 450)


def test_understanding_a_secluded_list_of_many_paths() -> None:
    def job_of(size: int) -> Job:
        data = vector(b"rsync", b".") + vector(b"/srv/data/a") * size + b"\0"
        return lambda: understand(b"rsync --server --sender -s", lambda: data)

    assert_linear(job_of, 450)


@pytest.mark.parametrize(
    "line",
    [b"# note\n", b"\n", b"    Backup /srv/data\n", b'Key "a', b"Key a\n", b"Backup", b"/a "],
)
def test_reading_a_policy(line: bytes) -> None:
    def job_of(size: int) -> Job:
        data = b"Key web1-backup\nBackup " + line * (size // len(line))
        return lambda: load.parse(data, b"/policy")

    assert_linear(job_of, 16 * 1024)


@pytest.mark.parametrize("keys", [100])
def test_reading_a_policy_of_many_keys(keys: int) -> None:
    def job_of(size: int) -> Job:
        data = b"".join(b"Key k%d\n    Backup /srv/data\n" % number for number in range(size))
        return lambda: load.parse(data, b"/policy")

    assert_linear(job_of, keys)


def test_counts_what_is_quadratic_as_quadratic() -> None:
    def job_of(size: int) -> Job:
        def quadratic() -> None:
            for _ in range(size):
                for _ in range(size):
                    pass

        return quadratic

    with pytest.raises(AssertionError):
        assert_linear(job_of, 100)
