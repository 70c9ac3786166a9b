"""The offset of a refusal is the first byte with which no sentence goes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.grammar import driver
from tests.oracles import corpus

from . import lines
from .effort import examples
from .mutations import Request, requests
from .sentences import TABLES, Sentence, policies, sentences_of, walks


def fault(name: str, start: str, data: bytes) -> int | None:
    """Return the offset of the complaint about DATA, None without one."""
    try:
        driver.parse(TABLES[name], start, data)
    except driver.Unparsable as error:
        return error.offset
    return None


def assert_first_offending(name: str, start: str, data: bytes) -> None:
    offset = fault(name, start, data)
    if offset is None:
        return
    before = fault(name, start, data[:offset])
    assert before in (None, offset), f"nothing can follow {data[:offset]!r}"
    if offset < len(data):
        upto = fault(name, start, data[: offset + 1])
        assert upto == offset, f"{data[: offset + 1]!r} alone is refused at {upto}"


def assert_all(sentences: list[Sentence]) -> None:
    for sentence in sentences:
        assert_first_offending(*sentence)


def test_on_the_corpus() -> None:
    for entry in corpus.all_entries():
        assert_all(list(sentences_of(entry.command or b"", entry.stdin)))


@examples(500)
@given(requests())
def test_on_changed_requests(request_: Request) -> None:
    assert_all(list(sentences_of(request_.command, request_.stdin)))


@examples(300)
@given(walks())
def test_on_sentences_and_what_is_almost_one(sentence: Sentence) -> None:
    assert_first_offending(*sentence)


@examples(500)
@given(st.one_of(lines.hostile_lines, lines.any_bytes))
def test_on_command_lines(line: bytes) -> None:
    assert_first_offending("words", "start", line)


@examples(300)
@given(policies)
def test_on_policies(text: bytes) -> None:
    assert_first_offending("policy", "start", text)
