"""The grammar of an audit key's commands: two verbs in one spelling each, all else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.grammar import driver
from bpc_ssh_guard.grammar.tables import logverbs
from bpc_ssh_guard.logagent.verbs import (
    MAX_REQUEST,
    PROTOCOL,
    CheckpointRequest,
    ExportRequest,
    parse,
)
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles import lark_parse


def refusal(command: bytes) -> Refused:
    """Return why COMMAND is refused."""
    with pytest.raises(Refused) as caught:
        parse(command)
    return caught.value


@pytest.mark.parametrize("length", [16, 17, 31, 32])
def test_takes_a_nonce_of_16_to_32_bytes(length: int) -> None:
    nonce = bytes(range(200, 200 + length))
    request = parse(b"bpc-log/1 checkpoint " + nonce.hex().encode())
    assert isinstance(request, CheckpointRequest)
    assert request.nonce == nonce


@pytest.mark.parametrize("number", [0, 1, 10, 2**64 - 1, 10**20 - 1])
def test_takes_a_number_of_up_to_20_digits(number: int) -> None:
    request = parse(b"bpc-log/1 export %d" % number)
    assert isinstance(request, ExportRequest)
    assert (request.first, request.offset) == (number, len(b"bpc-log/1 export "))


NONCE = b"00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("command", "offset"),
    [
        (b"bpc-log/1 ", 10),
        (b"bpc-log/1 list", 10),
        (b"bpc-log/1 Export 0", 10),
        (b"bpc-log/1  export 0", 10),
        (b"bpc-log/1 export", 16),
        (b"bpc-log/1 export ", 17),
        (b"bpc-log/1 export -1", 17),
        (b"bpc-log/1 export 00", 18),
        (b"bpc-log/1 export 1 ", 18),
        (b"bpc-log/1 export 1 2", 18),
        (b"bpc-log/1 export 1\n", 18),
        (b"bpc-log/1 export 0x1", 18),
        (b"bpc-log/1 export 100000000000000000000", 37),
        (b"bpc-log/1 export '1'", 17),
        (b"bpc-log/1 export \\1", 17),
        (b"bpc-log/1 checkpoint ", 21),
        (b"bpc-log/1 checkpoint " + NONCE[2:], 51),
        (b"bpc-log/1 checkpoint " + NONCE + b"0", 54),
        (b"bpc-log/1 checkpoint " + NONCE * 2 + b"00", 85),
        (b"bpc-log/1 checkpoint " + NONCE.upper(), 41),
        (b"bpc-log/1 checkpoint " + NONCE + b";id", 53),
    ],
)
def test_refuses_any_other_spelling_at_its_first_wrong_byte(command: bytes, offset: int) -> None:
    error = refusal(command)
    assert (error.reason, error.offset) == (Reason.BAD_OPERAND, offset)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (b"rsync --server --sender -logDtpre.iLsfxC . /etc/", Reason.WRONG_OPERATION),
        (b"nice -n 19 sudo /usr/bin/rsync --server . /", Reason.WRONG_OPERATION),
        (b"env LC_ALL=C /bin/tar -c -f - -C / .", Reason.WRONG_OPERATION),
        (b"bpc-log/1", Reason.UNKNOWN_PROGRAM),
        (b" bpc-log/1 export 0", Reason.UNKNOWN_PROGRAM),
        (b"bpc-log/10 export 0", Reason.UNKNOWN_PROGRAM),
        (b"bpc-key/1 list", Reason.UNKNOWN_PROGRAM),
        (b"/bin/sh", Reason.UNKNOWN_PROGRAM),
        (b"cat $HOME", Reason.NOT_WORDS),
        (b"x" * 70_000, Reason.TOO_LONG),
    ],
)
def test_says_of_other_commands_what_they_are(command: bytes, reason: str) -> None:
    assert refusal(command).reason == reason


def test_bounds_the_length_before_it_reads_on() -> None:
    longest = PROTOCOL + b"x" * (MAX_REQUEST - len(PROTOCOL))
    assert refusal(longest).reason == Reason.BAD_OPERAND
    error = refusal(longest + b"x")
    assert (error.reason, error.offset) == (Reason.TOO_LONG, MAX_REQUEST)


PIECES = (
    b"bpc-log/1 ", b"bpc-log/1", b" ", b"checkpoint ", b"export ", b"0", b"17", b"00", b"f" * 32,
    b"ab" * 16, b"a", b"\0", b"\n", b"\xff", b"9" * 20,
)  # fmt: skip


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join), st.binary()))
def test_the_driver_reads_the_grammar_as_lark_does(data: bytes) -> None:
    try:
        tokens = driver.parse(logverbs, "start", data)
    except driver.Unparsable:
        tokens = None
    assert tokens == lark_parse.tokens("logverbs", "start", data)


@given(st.binary(max_size=600))
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    try:
        parse(PROTOCOL + data)
    except Refused as error:
        assert error.offset is not None
        assert 0 <= error.offset <= len(PROTOCOL + data)
