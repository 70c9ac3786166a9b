"""Control characters: C0 and DEL everywhere, C1, separators and bidi where a value is UTF-8."""

from __future__ import annotations

import unicodedata

import pytest

from bpc_ssh_guard.command.text import find_control

C0 = (*range(0x20), 0x7F)
BIDI = tuple(c for c in range(0x110000) if unicodedata.name(chr(c), "").startswith(
    ("LEFT-TO-RIGHT ", "RIGHT-TO-LEFT ", "POP DIRECTIONAL ", "FIRST STRONG ", "ARABIC LETTER MARK")
))  # fmt: skip


@pytest.mark.parametrize("code", C0)
def test_finds_each_c0_character_in_text_and_in_opaque_bytes(code: int) -> None:
    byte = bytes((code,))
    assert find_control(byte) == 0
    assert find_control(b"ab" + byte + b"c") == 2
    assert find_control(b"\xff" + byte) == 1


@pytest.mark.parametrize("code", range(0x80, 0xA0))
def test_finds_each_c1_character_in_utf8(code: int) -> None:
    assert find_control(b"a" + chr(code).encode() + b"b") == 1


@pytest.mark.parametrize("code", range(0x80, 0xA0))
def test_takes_c1_bytes_of_another_character_set_as_opaque(code: int) -> None:
    assert find_control(b"a" + bytes((code,)) + b"b") is None


def test_names_the_bidi_controls_that_unicode_has() -> None:
    assert {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)} == set(BIDI)


@pytest.mark.parametrize("code", [0x2028, 0x2029, *BIDI], ids=hex)
def test_finds_separators_and_bidi_controls(code: int) -> None:
    assert find_control("é".encode() + chr(code).encode()) == 2


@pytest.mark.parametrize("code", [0x2028, *BIDI], ids=hex)
def test_takes_the_same_bytes_beside_a_byte_that_is_not_utf8_as_opaque(code: int) -> None:
    assert find_control(chr(code).encode() + b"\xff") is None


@pytest.mark.parametrize("code", [0x20, 0x7E, 0xA0, 0xAD, 0x200B, 0x2010, 0x3000, 0xFEFF, 0x1F600])
def test_takes_characters_that_no_terminal_obeys(code: int) -> None:
    assert find_control(chr(code).encode()) is None


def test_gives_the_first_of_several() -> None:
    assert find_control("a\u202eb\x1b".encode()) == 1
    assert find_control("a\x1bb\u202e".encode()) == 1


def test_takes_an_empty_value() -> None:
    assert find_control(b"") is None
