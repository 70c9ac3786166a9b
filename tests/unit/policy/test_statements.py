"""The policy's language: keywords and arguments by line, comments, quotes, and what is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.guardctl.explain import quote
from bpc_ssh_guard.policy.statements import KEYWORDS, nearest, statements
from tests.properties.effort import examples

if TYPE_CHECKING:
    from bpc_ssh_guard.policy.statements import Statement

PATH = b"/etc/bpc-ssh-guard/policy"
BACKSLASH_OUTSIDE = (
    "a backslash stands outside quotes; quote the argument and double the backslash"
)


def read(text: bytes) -> list[Statement]:
    return list(statements(text, PATH))


def complaint(text: bytes) -> str:
    """Return what is said about TEXT, without the file's name."""
    with pytest.raises(GuardFailure) as caught:
        read(text)
    assert caught.value.reason == "bad-policy"
    assert caught.value.detail.startswith("/etc/bpc-ssh-guard/policy:")
    return caught.value.detail[len("/etc/bpc-ssh-guard/policy:") :]


def test_reads_keyword_arguments_and_line() -> None:
    assert read(b"Log /a\n\nKey web1\n    Backup /srv /home\n") == [
        ("Log", [b"/a"], 1), ("Key", [b"web1"], 3), ("Backup", [b"/srv", b"/home"], 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"   ", b"\n\n\n", b"# note", b" # note\n", b"#", b"\t"]
)
def test_reads_nothing_from_blank_lines_and_comments(text: bytes) -> None:
    assert read(text) == []


def test_reads_the_last_line_without_a_newline() -> None:
    assert read(b"Log /a") == [("Log", [b"/a"], 1)]


def test_parts_arguments_by_blanks_and_tabs() -> None:
    assert read(b"\tBackup \t /a\t/b  \n") == [("Backup", [b"/a", b"/b"], 1)]


@pytest.mark.parametrize("comment", [b"# it's \"quoted\" \\ ; \xc3\xa9", b"#", b"#x", b"##"])
def test_ends_a_line_at_a_comment(comment: bytes) -> None:
    assert read(b"Backup /a " + comment) == [("Backup", [b"/a"], 1)]


def test_keeps_a_number_sign_inside_a_word_and_inside_quotes() -> None:
    assert read(b'Backup /a#b "/c #d"') == [("Backup", [b"/a#b", b"/c #d"], 1)]


def test_ends_a_line_at_a_comment_right_behind_a_quote() -> None:
    assert read(b'Backup "/a"# note') == [("Backup", [b"/a"], 1)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b'"/My Data"', b"/My Data"), (b'"/a\\"b"', b'/a"b'), (b'"/a\\\\b"', b"/a\\b"),
        (b'""', b""), (b'"#"', b"#"), (b'"\\\\\\""', b'\\"'), (b'"\xff"', b"\xff"),
        (b"'/a", b"'/a"), (b"/a;$b", b"/a;$b"), (b"/\xc3\xa9", b"/\xc3\xa9"),
    ],
)  # fmt: skip
def test_takes_quotes_and_their_two_escapes_off(written: bytes, meant: bytes) -> None:
    assert read(b"Backup " + written) == [("Backup", [meant], 1)]


def test_reads_a_quoted_keyword_as_the_keyword() -> None:
    assert read(b'"Log" /a') == [("Log", [b"/a"], 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'Log "/a', '1: a double quote is not closed; add "'),
        (b'Log /a\nLog "/a\nKey x', '2: a double quote is not closed; add "'),
        (b'Log "/a\\', '1: a double quote is not closed; add "'),
        (b'Log /a"b"', "1: a double quote stands inside a word; quote the whole argument"),
        (b'Log "a""b"', "1: a double quote stands inside a word; quote the whole argument"),
        (b"Log /a\\ b", f"1: {BACKSLASH_OUTSIDE}"),
        (b"Log /a\r\nKey x\r\n", "1: the line ends in CR LF; write the file with LF alone"),
        (b"\n\nLog /a\x00", "3: control character 0x00; take it out"),
        (b"Log \x1b[2J", "1: control character 0x1b; take it out"),
        (b"# \x7f", "1: control character 0x7f; take it out"),
        (b"# a\x0bb", "1: control character 0x0b; take it out"),
    ],
)  # fmt: skip
def test_says_in_which_line_the_syntax_is_wrong_and_what_to_do(text: bytes, said: str) -> None:
    assert complaint(text) == said


def test_says_that_a_backslash_in_quotes_escapes_two_characters_only() -> None:
    said = complaint(b'Log "/a\\b"')
    assert said.startswith("1: ")
    assert "backslash" in said


@pytest.mark.parametrize("byte", sorted({*range(0x20), 0x7F} - {0x09, 0x0A}))
def test_refuses_every_control_character_in_every_place(byte: int) -> None:
    each = bytes((byte,))
    for text in (each, b"Log /a" + each, b'Log "/a' + each + b'"', b"# " + each, b"Log " + each):
        assert complaint(text)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("Bakcup", "Backup"), ("backup", "Backup"), ("LOG", "Log"), ("Restor", "Restore"),
     ("Tool", "Tools"), ("Acept", "Accept"), ("Munge-Links", "MungeLinks"), ("Keys", "Key")],
)  # fmt: skip
def test_asks_whether_a_misspelt_keyword_was_meant(word: str, meant: str) -> None:
    assert complaint(word.encode() + b" x") == (
        f'1: unknown keyword "{word}"; did you mean "{meant}"?'
    )


@pytest.mark.parametrize("word", ["Command", "PermitRootLogin", "x", "include", "é", "/srv/data"])
def test_refuses_an_unknown_keyword(word: str) -> None:
    said = complaint(b"\n" + word.encode() + b" x")
    assert said.startswith(f'2: unknown keyword "{word}"; ')


def test_stays_short_on_a_keyword_of_200_kb() -> None:
    assert nearest("a" * 200_000, KEYWORDS) == ""


def test_takes_every_keyword_with_an_argument() -> None:
    for keyword in set(KEYWORDS) - {"Never", "Grants", "Rotate", "Audit"}:
        assert read(keyword.encode() + b" x") == [(keyword, [b"x"], 1)]


def test_says_the_file_in_printable_text() -> None:
    with pytest.raises(GuardFailure) as caught:
        list(statements(b"x", b"/etc/\xff"))
    assert caught.value.detail.startswith("/etc/\\xff:1: ")


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), min_size=1,
max_size=20)


@examples(300)
@given(st.lists(_TEXT.map(os.fsencode), max_size=5), st.binary(max_size=10))
def test_reads_back_what_the_writer_quotes(arguments: list[bytes], more: bytes) -> None:
    control = {*range(0x20), 0x7F}
    written = [each for each in (*arguments, b"/" + more) if not control & set(each)]
    text = " ".join(("Backup", *map(quote, written))).encode("utf-8", "surrogateescape")
    assert read(text) == [("Backup", written, 1)]
