"""The driver: tokens with their bytes and offsets, or the first byte that can't stand there."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.grammar import driver
from bpc_ssh_guard.grammar.tables import policy, prefixes, rsync, tar, words

TABLES = {
    (words, "start"), (prefixes, "start"), (rsync, "command"), (rsync, "sender_list"),
    (rsync, "receiver_list"), (tar, "start"), (policy, "start"),
}  # fmt: skip


def fault(table: driver.Table, start: str, data: bytes) -> tuple[int, int]:
    """Return offset and start of the complaint about DATA."""
    with pytest.raises(driver.Unparsable) as caught:
        driver.parse(table, start, data)
    return caught.value.offset, caught.value.start


def test_gives_terminal_bytes_and_offset_of_each_token() -> None:
    assert driver.parse(words, "start", b"rsync  -l") == [
        ("NAME", b"rsync", 0), ("SP", b"  ", 5), ("OTHER", b"-l", 7),
    ]  # fmt: skip


def test_leaves_out_terminals_that_begin_with_an_underscore() -> None:
    names = [name for name, _, _ in driver.parse(rsync, "command", b"--server\0-l\0.\0/x\0")]
    assert names == ["SERVER", "RECEIVER_CLUSTER", "OPERAND"]


def test_takes_the_longest_terminal() -> None:
    assert driver.parse(words, "start", b"ab'c d'\\ e") == [("NAME", b"ab'c d'\\ e", 0)]


def test_names_the_byte_inside_a_terminal_and_where_that_begins() -> None:
    assert fault(rsync, "command", b"--server\0--senDer\0") == (14, 9)


def test_names_the_end_of_an_input_that_stops_inside_a_terminal() -> None:
    assert fault(rsync, "command", b"--server\0--sen") == (14, 9)


def test_names_the_end_of_an_input_that_stops_between_terminals() -> None:
    assert fault(rsync, "command", b"--server\0-l\0.\0") == (14, 14)


def test_names_the_byte_behind_a_whole_sentence() -> None:
    assert fault(rsync, "command", b"--server\0-l\0.\0/x\0/y\0") == (17, 17)


def test_takes_an_empty_input_where_the_grammar_has_an_empty_sentence() -> None:
    assert driver.parse(policy, "start", b"") == []


@pytest.mark.parametrize(
    ("table", "start"), sorted(TABLES - {(policy, "start")}, key=lambda pair: str(pair))
)
def test_refuses_an_empty_input_at_its_end(table: driver.Table, start: str) -> None:
    assert fault(table, start, b"") == (0, 0)


def test_reads_each_symbol_of_a_grammar_that_a_parse_may_start_from() -> None:
    sender_list = b"rsync\0--ignore-errors\0.\0/x\0"
    assert len(driver.parse(rsync, "sender_list", sender_list)) == 2
    assert fault(rsync, "receiver_list", sender_list) == (8, 6)
    assert fault(rsync, "command", sender_list) == (0, 0)


@pytest.mark.parametrize("byte", range(256))
def test_decides_on_any_single_byte(byte: int) -> None:
    for table, start in TABLES:
        try:
            tokens = driver.parse(table, start, bytes((byte,)))
        except driver.Unparsable as error:
            assert 0 <= error.start <= error.offset <= 1
        else:
            assert b"".join(raw for _, raw, _ in tokens) == bytes((byte,))
