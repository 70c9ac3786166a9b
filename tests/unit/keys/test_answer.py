"""A client's answers are believed in the form of the protocol alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.keyagent import answer as written
from bpc_ssh_guard.keys import answer
from bpc_ssh_guard.keys.trouble import OF_CLIENT, WORDS, Trouble, Word
from bpc_ssh_guard.vocabulary import REASONS

KEY: dict[str, Any] = {
    "label": "web1-backup", "key": "a" * 32, "gen": 1, "staged": False, "until": None,
    "proven": 5, "used": 6, "consistent": True,
}
AUTHORITY: dict[str, Any] = {**KEY, "key": "cert-" + "a" * 32}
LIST: dict[str, Any] = {
    "v": 1, "ok": True, "keys": [KEY], "authorities": [AUTHORITY], "foreign": 2, "mode": "0600",
    "duplicates": ["b" * 32],
    "grants": [{"label": "web1-restore", "id": "c" * 32, "until": 9}],
}


def line(value: Any) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def test_a_list_is_read() -> None:
    listed = answer.listed(line(LIST))
    (key,) = listed.keys
    assert listed.find("web1-backup", "a" * 32) == key
    assert (listed.highest("web1-backup"), listed.highest("web1-restore")) == (1, 0)
    assert (key.is_confirmed, key.proven, listed.foreign, listed.mode) == (True, 5, 2, "0600")
    assert listed.grants[0].until == 9
    assert listed.find_authority("web1-backup", "cert-" + "a" * 32) == listed.authorities[0]
    assert listed.find_authority("web1-restore", "cert-" + "a" * 32) is None


def test_every_answer_that_the_guard_writes_is_understood() -> None:
    for result in ("staged", "refreshed", "already", "confirmed", "dropped", "retired"):
        members = (("result", result), ("label", "a"), ("key", "a" * 32), ("gen", 2),
                   ("until", None))
        assert answer.done(written.done(members)) == answer.Done(result, None)
    granted = (("result", "granted"), ("label", "a"), ("id", "b" * 32), ("until", 7))
    assert answer.done(written.done(granted)) == answer.Done("granted", 7)
    closed = (("result", "ungranted"), ("label", "a"))
    assert answer.done(written.done(closed)) == answer.Done("ungranted", None)


@pytest.mark.parametrize("reason", REASONS)
def test_every_refusal_of_the_guard_is_a_word_of_ours(reason: str) -> None:
    with pytest.raises(Trouble) as caught:
        answer.done(written.refusal(reason, "the detail"))
    assert caught.value.word == written.trouble_of(reason)


def test_the_words_of_the_client_are_those_of_the_protocol() -> None:
    assert set(OF_CLIENT) == set(written.TROUBLES)
    words = {value for name, value in vars(Word).items() if name.isupper()}
    assert set(WORDS) == words


WRONG: dict[str, Any] = {
    "a key among the authorities": {**LIST, "authorities": [KEY]},
    "an authority among the keys": {**LIST, "keys": [AUTHORITY]},
    "no authorities": {name: LIST[name] for name in LIST if name != "authorities"},
    "another version": {**LIST, "v": 2},
    "no version": {name: LIST[name] for name in LIST if name != "v"},
    "a version that is true": {**LIST, "v": "1"},
    "ok that is no flag": {**LIST, "ok": 1},
    "a member too many": {**LIST, "more": 1},
    "a member too few": {name: LIST[name] for name in LIST if name != "mode"},
    "keys that are none": {**LIST, "keys": [1]},
    "a key with a member too many": {**LIST, "keys": [{**KEY, "private": "x"}]},
    "a label that is a path": {**LIST, "keys": [{**KEY, "label": "../../etc"}]},
    "a KEYID with an escape": {**LIST, "keys": [{**KEY, "key": "\x1b[2J" + "a" * 28}]},
    "a generation that is true": {**LIST, "keys": [{**KEY, "gen": True}]},
    "a generation that is negative": {**LIST, "keys": [{**KEY, "gen": -1}]},
    "a time without end": {**LIST, "keys": [{**KEY, "until": 1 << 60}]},
    "a time that is a fraction": {**LIST, "keys": [{**KEY, "until": 1.5}]},
    "a mode in words": {**LIST, "mode": "rw-------"},
    "duplicates that are no keys": {**LIST, "duplicates": ["x"]},
    "an error that nobody knows": {"v": 1, "ok": False, "error": "x", "message": "", "retry": True},
    "an error without a message": {"v": 1, "ok": False, "error": "busy", "retry": True},
    "a list": [LIST],
    "a number": 1,
}


@pytest.mark.parametrize("name", WRONG)
def test_another_form_is_no_answer(name: str) -> None:
    with pytest.raises(Trouble) as caught:
        answer.listed(line(WRONG[name]))
    assert caught.value.word == Word.NO_ANSWER


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\n", line(LIST)[:-1], b"[" * 100000 + b"\n"])
def test_what_is_no_line_of_json_is_no_answer(data: bytes) -> None:
    with pytest.raises(Trouble) as caught:
        answer.listed(data)
    assert caught.value.word == Word.NO_ANSWER


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from([*LIST, *KEY, "error", "message", "retry", "result"]), inner),
))
def test_nothing_that_a_client_says_raises_anything_else(value: Any) -> None:
    for members in (value, {"v": 1, "ok": True, **value} if isinstance(value, dict) else value,
                    {"v": 1, "ok": False, **value} if isinstance(value, dict) else value):
        for read in (answer.listed, answer.done):
            try:
                read(line(members))
            except Trouble as trouble:
                assert trouble.word in WORDS


def test_a_clients_message_reaches_no_terminal_as_it_is() -> None:
    refusal = {"v": 1, "ok": False, "error": "refused", "message": "a\x1b[2Jb\n" * 200,
               "retry": False}
    with pytest.raises(Trouble) as caught:
        answer.done(line(refusal))
    assert str(caught.value).startswith("a?[2Jb?")
    assert len(str(caught.value)) == answer.MESSAGE_LIMIT


def test_a_greeting_is_read_and_nothing_like_it() -> None:
    good = b"bpc-ssh-guard 0.1.0 label=web1-backup key=" + b"a" * 32 + b" generation=7\n"
    assert answer.greeting(good) == answer.Greeting("0.1.0", "web1-backup", "a" * 32, 7)
    assert answer.greeting(good.replace(b"=7", b"=-")).generation is None
    for bad in (b"", good[:-1], good + good, b" " + good, good.replace(b"=7", b"=07"),
                good.replace(b"a" * 32, b"a" * 31), b"Welcome!\n" + good):
        with pytest.raises(Trouble):
            answer.greeting(bad)
