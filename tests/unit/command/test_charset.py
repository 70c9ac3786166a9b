"""Paths of a secluded list in the client's character set: written exactly, or refused."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.charset import recode
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import refusal_of


def refusal(path: str, charset: bytes) -> Refused:
    refused = refusal_of(recode, path.encode(), charset)
    assert refused.reason == Reason.BAD_SECLUDED_LIST
    assert refused.in_list
    return refused


@pytest.mark.parametrize(
    ("charset", "path", "expected"),
    [
        (b"iso-8859-1", "/srv/é", b"/srv/\xe9"), (b"ISO-8859-15", "/srv/€", b"/srv/\xa4"),
        (b"cp1252", "/srv/€é", b"/srv/\x80\xe9"), (b"latin1", "/srv/ÿ", b"/srv/\xff"),
        (b"utf8", "/srv/é", b"/srv/\xc3\xa9"), (b"UTF-8", "/srv/日本", "/srv/日本".encode()),
        (b"shift_jis", "/srv/日本", b"/srv/\x93\xfa\x96\x7b"), (b"koi8-r", "/srv/я", b"/srv/\xd1"),
        (b"gb18030", "/srv/日本", b"/srv/\xc8\xd5\xb1\xbe"), (b"big5", "/srv/日", b"/srv/\xa4\xe9"),
        (b"euc-jp", "/srv/日", b"/srv/\xc6\xfc"), (b"ascii", "/srv/a b", b"/srv/a b"),
        (b"shift_jis", "/srv/表", b"/srv/\x95\x5c"), (b"cp437", "/srv/é", b"/srv/\x82"),
    ],
)  # fmt: skip
def test_writes_a_path_in_the_clients_character_set(
    charset: bytes, path: str, expected: bytes
) -> None:
    assert recode(path.encode(), charset) == expected


@pytest.mark.parametrize(
    "charset",
    [
        b"utf-16", b"utf-16le", b"utf-32", b"utf-7", b"utf-8-sig", b"cp037", b"cp500", b"hz",
        b"punycode", b"idna", b"rot13", b"hex", b"base64", b"zip", b"bz2", b"undefined",
        b"unicode_escape", b"quopri", b"uu", b"mbcs", b"oem",
    ],
)  # fmt: skip
def test_refuses_a_character_set_that_writes_ascii_otherwise(charset: bytes) -> None:
    refusal("/srv/data", charset)


@pytest.mark.parametrize(
    "charset", [b"nonsense", b"x", b"aliases", b"os", b"os.path", b"a" * 40, b"..", b"utf8.", b"0"]
)
def test_refuses_an_unknown_character_set(charset: bytes) -> None:
    refusal("/srv/data", charset)


@pytest.mark.parametrize("charset", [b"raw_unicode_escape", b"charmap"])
def test_refuses_a_python_codec_that_is_no_character_set(charset: bytes) -> None:
    refusal("/srv/日本", charset)


@pytest.mark.parametrize(
    ("charset", "path"),
    [(b"iso-8859-1", "/srv/日"), (b"ascii", "/srv/é"), (b"cp1252", "/srv/\u0142"),
     (b"shift_jis", "/srv/😀"), (b"utf8", "/srv/x\udcff")],
)  # fmt: skip
def test_refuses_a_path_that_the_character_set_lacks(charset: bytes, path: str) -> None:
    refused = refusal_of(recode, path.encode("utf-8", "surrogateescape"), charset)
    assert refused.reason == Reason.BAD_SECLUDED_LIST


def test_refuses_a_path_that_is_not_utf8() -> None:
    assert refusal_of(recode, b"/srv/\xe9", b"iso-8859-1").reason == Reason.BAD_SECLUDED_LIST


def test_refuses_shift_sequences_as_control_characters() -> None:
    assert "structure" in refusal("/srv/日本", b"iso2022_jp").detail


def test_refuses_a_path_that_becomes_control_characters() -> None:
    refusal("/srv/\u00c2\u20ac", b"cp1252")  # written as c2 80, U+0080 to a reader of UTF-8


def test_refuses_a_component_that_becomes_too_long() -> None:
    assert len(recode(("/" + "\u0142" * 63).encode(), b"gb18030")) == 253
    assert "structure" in refusal("/" + "\u0142" * 64, b"gb18030").detail


@pytest.mark.parametrize("charset", [b"shift_jis", b"gb18030", b"big5", b"cp932", b"gbk", b"johab"])
def test_keeps_the_components_of_every_path_that_it_writes(charset: bytes) -> None:
    for code in range(0xA1, 0x10000, 7):
        path = f"/srv/a{chr(code)}b/c".encode("utf-8", "surrogatepass")
        try:
            written = recode(path, charset)
        except Refused:
            continue
        assert written.count(b"/") == 3
        assert written.startswith(b"/srv/a")
        assert written.endswith(b"b/c")
