"""The state of the log is taken only as it was written: no byte of it may be another."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.record.block import SIZE, Block, Damaged

BLOCK = Block(7, 4096, 3, b"202611", bytes(range(200, 232)), bytes(range(32)), b"\xab" * 16)
WRITTEN = BLOCK.to_bytes()
SUM_DIGITS = 16
SUMMED = len(WRITTEN.rstrip()) - SUM_DIGITS


def summed_anew(data: bytes) -> bytes:
    """Return DATA with the sum that fits, as nobody writes it by accident."""
    total = sha256(data[:SUMMED]).hexdigest()[:SUM_DIGITS].encode()
    return data[:SUMMED] + total + data[SUMMED + SUM_DIGITS :]


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**40), st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32),
)
def test_a_state_is_read_as_it_was_written(
    sequence: int, size: int, first: int, head: bytes, key: bytes
) -> None:
    data = Block(sequence, size, first, b"202611", head, key, BLOCK.chain).to_bytes()
    assert len(data) == SIZE
    assert data.endswith(b" \n")
    assert data.isascii()
    assert summed_anew(data) == data
    assert Block.from_bytes(data).to_bytes() == data


@given(st.integers(0, SIZE - 1), st.integers(1, 255))
def test_a_state_with_any_byte_changed_is_refused(place: int, change: int) -> None:
    data = bytearray(WRITTEN)
    data[place] ^= change
    with pytest.raises(Damaged):
        Block.from_bytes(bytes(data))


@pytest.mark.parametrize("other", [b" ", b"0", b"f", b"F", b"\n", b"\0", b"\xff"])
def test_every_other_byte_is_refused_wherever_it_is(other: bytes) -> None:
    for at in range(SIZE):
        data = WRITTEN[:at] + other + WRITTEN[at + 1 :]
        if data != WRITTEN:
            with pytest.raises(Damaged):
                Block.from_bytes(data)


@pytest.mark.parametrize("data", [
    WRITTEN.replace(b"abab", b"ABAB"), WRITTEN.replace(b"abab", b"ab\t\n", 1),
    WRITTEN.replace(b"abab", b"ab\x0bb", 1),
    WRITTEN.replace(b" 00000000000000004096", b" +0000000000000004096"),
    WRITTEN.replace(b"202611", b"2026-1"), WRITTEN.replace(b"bpcg1", b"bpcg2"),
    WRITTEN[:-2] + b"x\n", WRITTEN[:-1] + b" ",
])
def test_what_is_written_otherwise_is_refused_though_its_sum_fits(data: bytes) -> None:
    with pytest.raises(Damaged):
        Block.from_bytes(summed_anew(data))


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1])
def test_a_block_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(Damaged):
        Block.from_bytes((WRITTEN * 2)[:size])
