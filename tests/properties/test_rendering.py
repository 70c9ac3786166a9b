"""What is rendered reads back as itself: render(parse(render(x))) = render(x)."""

from __future__ import annotations

import pytest
from hypothesis import given

from bpc_ssh_guard.command.parse import Command, understand
from tests.oracles import corpus
from tests.oracles.answers import answer, no_list, policy_of
from tests.oracles.writing import line, secluded

from .effort import examples
from .mutations import Request, requests


def commands(entry: corpus.Entry, command: bytes, stdin: bytes) -> list[Command]:
    """Return COMMAND understood, by the keys of ENTRY's policy that may run it."""
    policy = policy_of(corpus.policy_text(entry))
    found = [answer(command, stdin, policy, label) for label in corpus.LABEL_OF.values()]
    return [each.command for each in found if each.plan is not None and each.command is not None]


def assert_reads_back(command: Command) -> None:
    server = command.server
    rendered = server.arguments()
    again = understand(line((server.program.encode(), *rendered)), no_list)
    assert again.server.arguments() == rendered
    assert again.server.paths == server.paths
    assert again.server.operation == server.operation
    assert again.features == server.features


def assert_reads_back_from_a_list(command: Command) -> None:
    """The same through standard input: the paths and options in band, the rest visible."""
    server = command.server
    rendered = server.arguments()
    if server.program != "rsync" or any(word.startswith(b"--iconv") for word in rendered):
        return
    split = 3 if server.operation == "backup" else 2
    if split >= len(rendered) or rendered[split - 1][:2] == b"--":
        return
    cluster = b"-s" + rendered[split - 1][1:]
    visible = line((b"rsync", *rendered[: split - 1], cluster))
    data = secluded(*rendered[split:])
    again = understand(visible, lambda: data)
    assert again.server.arguments() == rendered


@pytest.mark.parametrize("origin", [corpus.BACKUPPC, corpus.ATTACKS])
def test_on_the_corpus(origin: str) -> None:
    for entry in corpus.entries(origin):
        for command in commands(entry, entry.command or b"", entry.stdin):
            assert_reads_back(command)
            assert_reads_back_from_a_list(command)


@examples(500)
@given(requests())
def test_on_changed_requests(request_: Request) -> None:
    for command in commands(request_.entry, request_.command, request_.stdin):
        assert_reads_back(command)
        assert_reads_back_from_a_list(command)
