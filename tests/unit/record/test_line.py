"""One record as one line: bounded, ASCII, and read back as what it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.record.line import (
    ARRAY_LIMIT,
    LINE_LIMIT,
    RECORD_LIMIT,
    SHORT_ARRAY_LIMIT,
    encode,
    text,
    texts,
)

# JSON readers refuse lone surrogates or turn them into something else; `encode` spells them out.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.lists(TEXTS, max_size=5))
MEMBERS = st.dictionaries(st.text("abc.", min_size=1), VALUES, max_size=20)


@given(MEMBERS)
def test_a_line_is_read_back_as_the_members_in_their_order(members) -> None:
    line = encode(members.items())
    assert json.loads(line, object_pairs_hook=list) == list(members.items())


@given(st.lists(st.tuples(st.text(), st.one_of(st.text(), st.lists(st.text())))))
def test_a_line_is_printable_ascii_and_ends_in_its_only_line_feed(members) -> None:
    line = encode(members)
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J\x1b]0;title\x07",
        'a"},\n{"event.action":"command-ended"',
        "\u202egnp.exe",
        "\u2028\u2029\x85",
        "\U000e0041",
        "\x00\x7f\x9b",
    ],
)
def test_hostile_text_reaches_the_reader_unchanged_and_the_terminal_not_at_all(hostile) -> None:
    line = encode([("a", hostile)])
    assert json.loads(line) == {"a": hostile}
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])


def test_a_lone_surrogate_is_spelled_out() -> None:
    line = encode([("a", "x\udcff\ud800")])
    assert json.loads(line) == {"a": r"x\udcff\ud800"}


def test_bytes_outside_utf_8_are_spelled_out() -> None:
    assert text(b"\xc3\xa9 \xff\xfe") == "\u00e9 \\xff\\xfe"


def test_a_text_shows_the_first_4096_bytes() -> None:
    assert text(b"a" * 5000) == "a" * 4096


def test_an_array_shows_its_first_64_items() -> None:
    line = encode([("a", [str(i) for i in range(ARRAY_LIMIT + 1)])])
    assert json.loads(line)["a"] == [str(i) for i in range(ARRAY_LIMIT)]


def test_a_long_record_shows_16_items_of_each_array() -> None:
    long = ["x" * (LINE_LIMIT // 40)] * 40
    record = json.loads(encode([("a", long), ("count", 40), ("b", ["y"] * 20)]))
    assert record == {"a": long[:SHORT_ARRAY_LIMIT], "count": 40, "b": ["y"] * SHORT_ARRAY_LIMIT}


def test_a_longer_record_loses_its_longest_array_and_keeps_the_count() -> None:
    record = json.loads(encode([("a", ["x" * 8192] * 20), ("count", 20), ("b", ["y"]), ("c", "z")]))
    assert record == {"count": 20, "b": ["y"], "c": "z"}


def test_texts_go_only_when_no_array_is_left() -> None:
    record = json.loads(encode([("a", "x" * 70_000), ("b", ["y"]), ("c", "z")]))
    assert record == {"c": "z"}


def test_a_record_of_exactly_the_limit_stays_whole() -> None:
    value = "x" * (LINE_LIMIT - len('{"a":""}\n'))
    assert json.loads(encode([("a", value)])) == {"a": value}
    assert json.loads(encode([("a", value + "x")])) == {}


@given(
    st.lists(
        st.tuples(
            st.text(max_size=20),
            st.one_of(
                st.integers(),
                st.builds(lambda c, n: c * n, st.characters(), st.integers(0, 70_000)),
                st.builds(
                    lambda c, n, items: [c * n] * items,
                    st.characters(),
                    st.integers(0, 4096),
                    st.integers(0, 100),
                ),
            ),
        ),
        max_size=8,
    )
)
def test_no_record_is_over_the_limit(members) -> None:
    line = encode(members)
    assert len(line) <= LINE_LIMIT < RECORD_LIMIT
    json.loads(line)


def test_texts_are_as_many_as_an_array_holds() -> None:
    assert texts([b"\xff"] * 100) == ["\\xff"] * ARRAY_LIMIT
