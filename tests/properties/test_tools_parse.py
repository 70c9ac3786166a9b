"""rsync and tar understand a rendered vector as the guard means it: its options, its operands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from tests.oracles import corpus, language, rsync_parse, tar_parse
from tests.oracles.answers import Answer, answer, policy_of

from .effort import examples
from .mutations import Request, requests


def right_of(entry: corpus.Entry, operation: str) -> language.Right:
    """Return what a key of ENTRY's policy with OPERATION may do."""
    roots = corpus.BACKUP_ROOTS if operation == "backup" else corpus.RESTORE_ROOTS
    return language.Right(operation, roots, frozenset(entry.accept), entry.delete)


def answers(entry: corpus.Entry, command: bytes, stdin: bytes) -> dict[str, Answer]:
    """Return the answers that allow COMMAND, by the right of the key."""
    policy = policy_of(corpus.policy_text(entry))
    found = {
        operation: answer(command, stdin, policy, label)
        for operation, label in corpus.LABEL_OF.items()
    }
    return {operation: each for operation, each in found.items() if each.plan is not None}


def assert_understood(found: dict[str, Answer], entry: corpus.Entry, folder: Path) -> None:
    assert len(found) < 2, "a command is a backup and a restore"
    for operation, each in found.items():
        assert each.plan is not None
        assert language.complaints(each.plan.argv, right_of(entry, operation)) == []
        arguments = each.plan.arguments
        if each.plan.executable == b"/usr/bin/tar":
            assert tar_parse.parse(arguments) == tar_parse.expected(arguments)
        else:
            assert rsync_parse.parse(arguments, str(folder)) == rsync_parse.expected(arguments)


@pytest.mark.parametrize("origin", [corpus.BACKUPPC, corpus.ATTACKS])
def test_on_the_corpus(origin: str, tmp_path: Path) -> None:
    for entry in corpus.entries(origin):
        if entry.command is not None:
            assert_understood(answers(entry, entry.command, entry.stdin), entry, tmp_path)


@examples(500)
@given(request_=requests())
def test_on_changed_requests(tmp_path: Path, request_: Request) -> None:
    found = answers(request_.entry, request_.command, request_.stdin)
    assert_understood(found, request_.entry, tmp_path)


def test_oracle_tells_an_rsync_option_behind_the_paths(tmp_path: Path) -> None:
    arguments = (b"--server", b"-l", b".", b"/x", b"--log-file=/y")
    found = rsync_parse.parse(arguments, str(tmp_path))
    assert found == (b"--links", b"--log-file", b"/y", b".", b"/x")
    assert found != rsync_parse.expected(arguments)


def test_oracle_tells_an_rsync_value_that_swallows_the_next_word(tmp_path: Path) -> None:
    found = rsync_parse.parse((b"--server", b"-e", b".", b"/x"), str(tmp_path))
    assert found == (b"--rsh", b".", b"/x")


def test_oracle_tells_an_option_that_rsync_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--nonsense: unknown option"):
        rsync_parse.parse((b"--server", b"--nonsense", b".", b"/x"), str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((b"-c", b"--checkpoint-ac=exec=id", b"."), ((b"--checkpoint-action", b"exec=id"),)),
        ((b"-c", b".", b"-T", b"list"), ((b"-T", b"list"),)),
        ((b"-cI", b"id", b"."), ((b"-I", b"id"),)),
        ((b"-c", b"--", b"-x"), ((b"", b"-x"),)),
        ((b"-c", b"--bzip2", b"--newer=x", b"."), ((b"--bzip2", b""), (b"--newer", b"x"))),
    ],
)
def test_oracle_reads_tar_arguments_as_tar_does(
    arguments: tuple[bytes, ...], found: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert set(found) <= set(tar_parse.parse(arguments))


def test_oracle_tells_an_option_that_tar_does_not_know() -> None:
    with pytest.raises(ValueError, match="--nonsense"):
        tar_parse.parse((b"-c", b"--nonsense", b"."))
