"""The driver reads every input as Lark does: the same tokens, or both refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.grammar import driver
from tests.oracles import corpus, lark_parse

from . import lines
from .effort import examples
from .mutations import Request, requests
from .sentences import STARTS, TABLES, Sentence, policies, sentences_of, walks


def driver_tokens(name: str, start: str, data: bytes) -> list[tuple[str, bytes, int]] | None:
    try:
        return driver.parse(TABLES[name], start, data)
    except driver.Unparsable:
        return None


def assert_equal(name: str, start: str, data: bytes) -> None:
    assert driver_tokens(name, start, data) == lark_parse.tokens(name, start, data)


@pytest.mark.parametrize("origin", [corpus.BACKUPPC, corpus.ATTACKS])
def test_on_the_corpus(origin: str) -> None:
    for entry in corpus.entries(origin):
        for sentence in sentences_of(entry.command or b"", entry.stdin):
            assert_equal(*sentence)
        assert_equal("policy", "start", corpus.policy_text(entry))


@examples(250)
@given(requests())
def test_on_changed_requests(request_: Request) -> None:
    for sentence in sentences_of(request_.command, request_.stdin):
        assert_equal(*sentence)


@examples(250)
@given(walks())
def test_on_sentences_and_what_is_almost_one(sentence: Sentence) -> None:
    assert_equal(*sentence)


@examples(300)
@given(st.one_of(lines.likely_lines, lines.hostile_lines, lines.any_bytes))
def test_on_command_lines(line: bytes) -> None:
    assert_equal("words", "start", line)


@examples(150)
@given(policies)
def test_on_policies(text: bytes) -> None:
    assert_equal("policy", "start", text)


@pytest.mark.parametrize(("name", "start"), STARTS)
@examples(80)
@given(data=lines.any_bytes)
def test_on_any_bytes(name: str, start: str, data: bytes) -> None:
    assert_equal(name, start, data)
