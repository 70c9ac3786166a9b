"""BackupPC's transfer logs as witnesses: one line of the guard, before any file, and no other."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.audit.witness import Witness, from_answer, from_line, from_transfer_log

CHAIN, HEAD = bytes(range(16)), bytes(range(32))
LINE = b"bpc-ssh-guard: checkpoint 1 %s 8 %s\n" % (CHAIN.hex().encode(), HEAD.hex().encode())
BEGIN = b"XferLOG file /var/lib/backuppc/pc/web1/XferLOG.1.z created 2026-11-23 02:00:00\n"
FILE = b"  create d 0755  0/0  4096 etc\n"
SEEN = Witness(CHAIN, 8, HEAD, "XferLOG.1")


def test_the_line_of_the_guard_before_any_file_is_a_witness() -> None:
    assert list(from_transfer_log([BEGIN, LINE, FILE], "XferLOG.1")) == [SEEN]


@pytest.mark.parametrize(
    "lines",
    [
        [BEGIN, FILE, LINE],
        [BEGIN, b"  " + LINE],
        [BEGIN, b"remote: " + LINE],
        [BEGIN, LINE.replace(b" 1 ", b" 2 ", 1)],
        [BEGIN, LINE.rstrip() + b" more\n"],
        [BEGIN] * 100 + [LINE],
        [],
    ],
    ids=["behind a file", "a file's name", "quoted", "of another form", "longer", "late", "none"],
)
def test_what_a_file_name_or_another_program_could_have_written_is_none(
    lines: list[bytes],
) -> None:
    assert list(from_transfer_log(lines, "XferLOG.1")) == []


def test_only_the_first_line_counts() -> None:
    other = LINE.replace(b" 8 ", b" 9 ")
    assert list(from_transfer_log([BEGIN, LINE, other], "XferLOG.1")) == [SEEN]


def test_a_witness_comes_back_from_the_store_as_it_was() -> None:
    seen = Witness(CHAIN, 8, HEAD, "a visit", b"n" * 16, b"p" * 16)
    assert from_line(seen.as_line("2026-11-23T02:00:00Z")) == seen


@pytest.mark.parametrize(
    "changed",
    [
        {"chain": "00"}, {"head": 1}, {"sequence": -1}, {"sequence": "8"}, {"sequence": 1 << 64},
        {"proof": "zz"}, {"proof": None}, {"head": "00" * 33},
    ],
)
def test_an_answer_of_another_form_is_refused(changed: dict[str, object]) -> None:
    answer = {"chain": CHAIN.hex(), "sequence": 8, "head": HEAD.hex(), "proof": "00" * 16}
    assert from_answer(answer, b"n" * 16, "x").sequence == 8
    with pytest.raises(ValueError):
        from_answer({**answer, **changed}, b"n" * 16, "x")
