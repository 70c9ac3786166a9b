"""Every accepted line is read as dash and bash read it, in either locale: no word more or less."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.command import words
from bpc_ssh_guard.errors import Refused
from tests.oracles import corpus
from tests.oracles.shells import SHELLS, Shell

from . import lines
from .effort import examples
from .mutations import SEPARATORS, SHELL_BYTES, Request, requests

by_shell = pytest.mark.parametrize("shell", SHELLS, ids=str)


def accepted(candidates: Iterable[bytes]) -> dict[bytes, tuple[bytes, ...]]:
    """Return the guard's words of those of CANDIDATES that it accepts."""
    found = {}
    for line in candidates:
        try:
            found[line] = words.split(line).items
        except Refused:
            continue
    return found


def assert_equal(shell: Shell, candidates: Iterable[bytes], folder: Path) -> None:
    expected = accepted(candidates)
    answers = shell.words(expected, str(folder))
    assert dict(zip(expected, answers)) == expected


@by_shell
def test_on_the_corpus(shell: Shell, tmp_path: Path) -> None:
    assert_equal(shell, (entry.command or b"" for entry in corpus.all_entries()), tmp_path)


@by_shell
def test_on_every_byte_inside_a_word_and_where_one_begins(shell: Shell, tmp_path: Path) -> None:
    each = [bytes((byte,)) for byte in range(256)]
    forms = (b"%s", b"%sa", b"a%sa", b"1%s", b"\\%s", b"a\\%s", b"'%s'", b"a=%s", b"1=%sb", b"a %s")
    assert_equal(shell, (form % byte for form in forms for byte in each), tmp_path)


@by_shell
def test_on_shell_syntax_at_every_byte_of_a_command(shell: Shell, tmp_path: Path) -> None:
    commands = (
        b"rsync --server --sender -lHogDtpre.iLs --timeout=7 . /srv/data/a\\ b /home",
        b"env LC_ALL=C /bin/tar -c -v -f - -C /srv/data --newer=2026-11-23\\ 02:16:28 ./a 'b c'",
    )
    assert_equal(
        shell,
        (
            command[:place] + syntax + command[place:]
            for command in commands
            for syntax in (*SHELL_BYTES, *SEPARATORS)
            for place in range(len(command) + 1)
        ),
        tmp_path,
    )


@by_shell
@examples(25)
@given(batch=st.lists(lines.likely_lines, min_size=10, max_size=40))
def test_on_likely_lines(shell: Shell, tmp_path: Path, batch: list[bytes]) -> None:
    assert_equal(shell, batch, tmp_path)


@by_shell
@examples(15)
@given(batch=st.lists(lines.hostile_lines, min_size=20, max_size=40))
def test_on_hostile_lines(shell: Shell, tmp_path: Path, batch: list[bytes]) -> None:
    assert_equal(shell, batch, tmp_path)


@by_shell
@examples(10)
@given(batch=st.lists(requests(), min_size=5, max_size=20))
def test_on_changed_requests(shell: Shell, tmp_path: Path, batch: list[Request]) -> None:
    assert_equal(shell, (each.command for each in batch), tmp_path)


@by_shell
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a=~", (b"a=/expanded/tilde",)),
        (b"*", (b"-x", b"=", b"a", b"b", b"rsync", b"x=y", b"~", "é".encode())),
        (b"$a", (b"expanded",)),
        (b"a\tb", (b"a", b"b")),
        (b"\\a", (b"a",)),
    ],
)
def test_oracle_expands_what_the_guard_refuses(
    shell: Shell, tmp_path: Path, line: bytes, expected: tuple[bytes, ...]
) -> None:
    assert accepted([line]) == {}
    plain = {b"a=~"} if shell.program.endswith("dash") else set()  # bash alone expands there
    answers = shell.words([line], str(tmp_path))[0]
    assert answers == ((line,) if line in plain else answers)
    assert line in plain or sorted(answers) == sorted(expected)
