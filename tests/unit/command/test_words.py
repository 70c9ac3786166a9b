"""The original command as words: what parts them, what they may hold, where each byte stood."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command import words
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import refusal_of
from tests.oracles.writing import ESCAPED, line

ORDINARY = b"ABCXYZabcxyz0129_@%+=:,.^/-"


def split(command: bytes) -> tuple[bytes, ...]:
    return words.split(command).items


def refusal(command: bytes) -> Refused:
    return refusal_of(words.split, command)


def test_parts_words_at_blanks_one_or_many() -> None:
    assert split(b"a b   c") == (b"a", b"b", b"c")


def test_drops_blanks_around_the_command() -> None:
    assert split(b"  a b ") == (b"a", b"b")


@pytest.mark.parametrize("byte", ORDINARY)
def test_takes_an_ordinary_byte_alone_and_in_a_word(byte: int) -> None:
    each = bytes((byte,))
    assert split(each + b" x" + each + b"x") == (each, b"x" + each + b"x")


@pytest.mark.parametrize("byte", range(0x80, 0x100))
def test_takes_every_byte_above_127_as_it_is(byte: int) -> None:
    assert split(b"/a" + bytes((byte,)) + b"b") == (b"/a" + bytes((byte,)) + b"b",)


@pytest.mark.parametrize("byte", ESCAPED)
def test_takes_the_backslash_off_what_clients_escape(byte: int) -> None:
    each = bytes((byte,))
    assert split(b"\\" + each) == (each,)
    assert split(b"a\\" + each + b"b") == (b"a" + each + b"b",)


@pytest.mark.parametrize("byte", sorted(set(range(256)) - set(ESCAPED)))
def test_refuses_a_backslash_before_any_other_byte(byte: int) -> None:
    assert refusal(b"a\\" + bytes((byte,)) + b"b").reason == Reason.NOT_WORDS


@pytest.mark.parametrize("byte", [b"!", b"#", b"~"])
def test_takes_bytes_that_mean_something_only_where_a_word_begins(byte: bytes) -> None:
    assert split(b"/a" + byte + b"b" + byte) == (b"/a" + byte + b"b" + byte,)
    assert refusal(byte + b"a").offset == 0
    assert refusal(b"/a " + byte).offset == 3


@pytest.mark.parametrize("byte", b"\"$`;&|<>(){}[]*?")
def test_refuses_shell_syntax_wherever_it_stands(byte: int) -> None:
    each = bytes((byte,))
    for before, after in ((b"", b""), (b"/a", b"b"), (b"/a ", b""), (b"/a ", b" b")):
        refused = refusal(before + each + after)
        assert (refused.reason, refused.offset) == (Reason.NOT_WORDS, len(before))
        assert "shell syntax" in refused.detail


@pytest.mark.parametrize("byte", sorted({*range(0x20), 0x7F}))
def test_refuses_every_control_byte_in_every_place(byte: int) -> None:
    each = bytes((byte,))
    for form in (b"%s", b"/a%s", b"/a %s b", b"/a\\%s", b"'/a%s'", b"%s/a", b"/a%s"):
        assert refusal(form % each).reason == Reason.NOT_WORDS


@pytest.mark.parametrize("code", [0x80, 0x85, 0x9B, 0x9F, 0x2028, 0x2029, 0x202E, 0x2066, 0x61C])
@pytest.mark.parametrize("form", [b"/a%s", b"'/a%s'", b"/\\ %s", b"%s"])
def test_refuses_utf8_control_characters_however_written(code: int, form: bytes) -> None:
    refused = refusal(form % chr(code).encode())
    assert refused.reason == Reason.NOT_WORDS
    assert refused.detail == "control character in a word"
    assert refused.offset == form.index(b"%")


@pytest.mark.parametrize("code", [0xA0, 0x1680, 0x2003, 0x200B, 0x202F, 0x3000, 0xFEFF])
def test_takes_blanks_of_unicode_as_part_of_a_word(code: int) -> None:
    word = b"/a" + chr(code).encode() + b"b"
    assert split(word + b" c") == (word, b"c")


def test_takes_single_quotes_off_literal_text() -> None:
    assert split(b"'a b'") == (b"a b",)
    assert split(b"/x' $a;\"\\*'y") == (b"/x $a;\"\\*y",)
    assert split(b"'~' '#' '!'") == (b"~", b"#", b"!")


@pytest.mark.parametrize("command", [b"''", b"a ''", b"a''b", b"'' a", b"'a'''"])
def test_refuses_an_empty_quotation(command: bytes) -> None:
    assert refusal(command).reason == Reason.NOT_WORDS


@pytest.mark.parametrize("command", [b"'", b"'a", b"a 'b", b"a\\", b"\\", b"'a' 'b", b"a\\' '"])
def test_refuses_an_open_quotation_or_a_last_backslash_at_the_end(command: bytes) -> None:
    refused = refusal(command)
    assert (refused.reason, refused.offset) == (Reason.NOT_WORDS, len(command))


@pytest.mark.parametrize("command", [b"", b" ", b"    "])
def test_refuses_a_command_without_a_word(command: bytes) -> None:
    assert refusal(command).offset == len(command)


@pytest.mark.parametrize(
    "word", [b"a=~", b"HOME=~root", b"_x=~/y", b"PATH=/a:~", b"a~", b"a'b'~", b"a\\ ~", b"A+=~"]
)
def test_refuses_a_bare_tilde_in_a_word_that_bash_may_take_for_an_assignment(word: bytes) -> None:
    assert refusal(b"x " + word).reason == Reason.NOT_WORDS


@pytest.mark.parametrize("word", [b"a=\\~", b"a='~'"])
def test_takes_a_quoted_tilde_there(word: bytes) -> None:
    assert split(word) == (b"a=~",)


@pytest.mark.parametrize("word", [b"/a=~", b"--x=~", b"1a=~", b"=~", b"'a'=~", b"/a:~"])
def test_takes_a_tilde_behind_another_beginning(word: bytes) -> None:
    assert split(word)[0].endswith(b"~")


def test_takes_a_command_of_64_kib_and_refuses_one_byte_more() -> None:
    command = line([b"/" + b"a" * 4000] * 20)[: 64 * 1024]
    assert len(command) == 65536
    assert len(split(command)) == 17
    refused = refusal(command + b"a")
    assert (refused.reason, refused.offset) == (Reason.TOO_LONG, 65536)


def test_takes_4096_words_and_refuses_one_more() -> None:
    assert len(split(b"a " * 4096)) == 4096
    assert refusal(b"a " * 4097).reason == Reason.TOO_LONG


@pytest.mark.parametrize("word", [b"\\\\", b"\\ ", b"\\\\\\ ", b"'a'", b"a\\ ", b"'\\'", b"\\\\a"])
def test_counts_words_of_any_spelling(word: bytes) -> None:
    assert len(split(b" ".join([word] * 4096))) == 4096
    assert refusal(b" ".join([word] * 4097)).reason == Reason.TOO_LONG


def test_does_not_count_escaped_blanks_as_the_ends_of_words() -> None:
    assert len(split(b"\\ " * 4000)) == 1
    assert len(split(b"a\\ b " * 4096)) == 4096


def test_takes_a_word_of_4094_bytes_and_refuses_one_byte_more() -> None:
    assert split(b"x " + b"a" * 4094)[1] == b"a" * 4094
    refused = refusal(b"x " + b"a" * 4095)
    assert (refused.reason, refused.offset) == (Reason.TOO_LONG, 2)


def test_measures_a_word_without_its_quotes_and_backslashes() -> None:
    assert len(split(b"\\ " * 4094)[0]) == 4094
    assert refusal(b"\\ " * 4095).reason == Reason.TOO_LONG


def test_joins_words_as_arguments_ended_by_nul() -> None:
    assert words.split(b"a b\\ c 'd'").joined() == b"a\0b c\0d\0"


@pytest.mark.parametrize(
    ("command", "places"),
    [
        (b"ab c", (0, 1, 2, 3, 4)),
        (b"  ab  c", (2, 3, 4, 6, 7)),
        (b"a\\ b c", (0, 1, 3, 4, 5, 6)),
        (b"\\\\\\' c", (0, 2, 4, 5, 6)),
        (b"'a b' c", (1, 2, 3, 5, 6, 7)),
        (b"x'a'y c", (0, 2, 4, 5, 6, 7)),
        (b"'\\' c", (1, 3, 4, 5)),
    ],
)
def test_finds_the_place_of_every_joined_byte_in_the_command(
    command: bytes, places: tuple[int, ...]
) -> None:
    vector = words.split(command)
    assert tuple(map(vector.offset, range(len(vector.joined())))) == places


def test_places_what_is_behind_the_last_word_at_the_end() -> None:
    vector = words.split(b"ab 'c d'")
    assert vector.offset(len(vector.joined())) == 8
    assert vector.offset(1000) == 8


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"a\tb", "control character"), (b"a;b", "; stands unescaped"), (b"a''", "quotation"),
        (b"a\\b", "backslash"), (b"'a", "ends inside a quote"), (b"~a", "~ is not possible"),
    ],
)  # fmt: skip
def test_says_what_is_wrong(command: bytes, said: str) -> None:
    assert said in refusal(command).detail
