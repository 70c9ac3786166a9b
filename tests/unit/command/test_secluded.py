"""The list on standard input: read to its end and not one byte further, bounded, in time."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from bpc_ssh_guard.command import secluded
from bpc_ssh_guard.command.secluded import collect, read_from
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import Source, refusal_of
from tests.oracles.writing import secluded as list_of
from tests.oracles.writing import vector

BACKUP = list_of(b"--timeout=72000", b"--numeric-ids", b".", b"/srv/data/etc/")
RESTORE = list_of(b"--log-format=%i", b"--delete", b".", b"/srv/restore")
LISTS = (BACKUP, RESTORE, list_of(b".", b"/"), list_of(b".", b"/a", b"/bc", b"/def", b"/ghij"))
PROTOCOL = b"\x1f\0\0\0" + b"\0" * 100


def refusal(data: bytes, piece: int | None = None) -> Refused:
    refused = refusal_of(collect, Source(data, piece).read)
    assert refused.reason == Reason.BAD_SECLUDED_LIST
    assert refused.in_list
    return refused


@pytest.mark.parametrize("data", LISTS)
@pytest.mark.parametrize("piece", [None, *range(1, 12)])
def test_returns_the_list_and_leaves_every_byte_behind_it(data: bytes, piece: int | None) -> None:
    source = Source(data + PROTOCOL, piece)
    assert collect(source.read) == data
    assert source.rest == PROTOCOL


@pytest.mark.parametrize("length", range(1, 40))
@pytest.mark.parametrize("piece", [None, 1, 2, 3])
def test_leaves_every_byte_whatever_the_length_of_a_path(length: int, piece: int | None) -> None:
    for paths in ((b"/" * length,), (b"/a", b"/" * length), (b"/" * length, b"/", b"/bb")):
        source = Source(list_of(b".", *paths) + PROTOCOL, piece)
        assert collect(source.read) == list_of(b".", *paths)
        assert source.rest == PROTOCOL


@pytest.mark.parametrize("split", range(len(BACKUP) + len(PROTOCOL)))
def test_reads_the_same_from_a_pipe_that_is_filled_in_two_parts(split: int) -> None:
    read, write = os.pipe()
    data = BACKUP + PROTOCOL
    try:
        os.write(write, data[:split])
        later = threading.Thread(target=os.write, args=(write, data[split:]))
        later.start()
        assert read_from(read) == BACKUP
        later.join()
        assert os.read(read, 1000) == PROTOCOL
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("data", LISTS)
@pytest.mark.parametrize("piece", [None, 1])
def test_refuses_a_list_that_is_cut_off_at_any_byte(data: bytes, piece: int | None) -> None:
    for length in range(len(data)):
        refused = refusal(data[:length], piece)
        assert (refused.detail, refused.offset) == ("the list is cut off", length)


def test_takes_a_list_of_two_ends_as_far_as_the_first() -> None:
    source = Source(BACKUP + b"\0\0" + RESTORE)
    assert collect(source.read) == BACKUP
    assert source.rest == b"\0\0" + RESTORE


@pytest.mark.parametrize("last", [b"/", b"/a", b"/ab", b"/abc", b"/abcd", b"/abcde"])
@pytest.mark.parametrize("piece", [None, 1, 2])
def test_takes_1000_arguments_and_refuses_one_more(last: bytes, piece: int | None) -> None:
    paths = [b"/srv/data/%d" % number for number in range(997)]
    thousand = list_of(b".", *paths, last)
    assert thousand.count(b"\0") == 1001
    assert collect(Source(thousand, piece).read) == thousand
    assert "1000 arguments" in refusal(list_of(b".", b"/x", *paths, last), piece).detail


@pytest.mark.parametrize("piece", [None, 1, 2, 3])
@pytest.mark.parametrize("before", [(), (b"/a",), (b"/ab",)])
def test_takes_an_argument_of_4094_bytes_and_refuses_one_byte_more(
    before: tuple[bytes, ...], piece: int | None
) -> None:
    fits = list_of(b".", *before, b"/" + b"a" * 4093)
    assert collect(Source(fits, piece).read) == fits
    for more in (4094, 4095, 4096, 9000):
        over = list_of(b".", *before, b"/" + b"a" * more)
        assert "4094 bytes" in refusal(over, piece).detail


@pytest.mark.parametrize("piece", [None, 1, 2, 3])
@pytest.mark.parametrize("length", [4095, 4096, 4097, 4098, 5000])
def test_refuses_a_long_argument_before_the_paths(length: int, piece: int | None) -> None:
    assert "4094 bytes" in refusal(list_of(b"a" * length, b".", b"/a"), piece).detail
    assert "4094 bytes" in refusal(vector(b"a" * length, b".", b"/a", b""), piece).detail


def test_refuses_a_list_of_more_than_a_mebibyte() -> None:
    path = b"/" + b"a" * 4000
    fits = list_of(b".", *[path] * 262)
    assert len(fits) < 1024 * 1024 < len(fits) + len(path)
    assert collect(Source(fits).read) == fits
    assert "1048576 bytes" in refusal(list_of(b".", *[path] * 263)).detail


def test_reads_little_of_what_never_ends() -> None:
    source = Source(b"a" * 100_000)
    refusal_of(collect, source.read)
    assert len(source.rest) > 90_000


def test_refuses_a_peer_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secluded, "DEADLINE_SECONDS", 0.05)
    for given in (b"", b"rsync\0--nume", BACKUP[:-1]):
        read, write = os.pipe()
        os.write(write, given)
        refused = refusal_of(read_from, read)
        os.close(write)
        os.close(read)
        assert refused.reason == Reason.BAD_SECLUDED_LIST
        assert "did not end within" in refused.detail


def test_refuses_a_peer_that_drips_past_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secluded, "DEADLINE_SECONDS", 0.2)
    read, write = os.pipe()
    ended = threading.Event()

    def drip() -> None:
        while not ended.is_set():
            os.write(write, b"a")
            time.sleep(0.01)

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        refused = refusal_of(read_from, read)
    finally:
        ended.set()
        dripping.join()
        os.close(write)
        os.close(read)
    assert "did not end within" in refused.detail


def test_leaves_no_alarm_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    read, write = os.pipe()
    os.write(write, BACKUP)
    assert read_from(read) == BACKUP
    os.close(write)
    refusal_of(read_from, read)
    os.close(read)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_refuses_a_closed_standard_input() -> None:
    read, write = os.pipe()
    os.close(write)
    os.close(read)
    assert "can't be read" in refusal_of(read_from, read).detail
