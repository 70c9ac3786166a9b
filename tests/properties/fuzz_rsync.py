"""Fuzz target: any argument vector behind rsync on the command line."""

from __future__ import annotations

from collections.abc import Iterator

from bpc_ssh_guard.command import words
from bpc_ssh_guard.errors import Refused
from tests.oracles import corpus
from tests.oracles.admitted import require_admitted
from tests.oracles.writing import escape

from .mutations import OPTIONS
from .sentences import ARGUMENTS

PROGRAM = b"rsync"
SEPARATOR = b"\0"
TOKENS = (*ARGUMENTS["rsync"], *OPTIONS, b"/srv/data/x", b"/srv/restore", b"/srv/data/../x")


def vectors_of(program: bytes) -> Iterator[bytes]:
    """Yield the arguments of PROGRAM in the corpus, joined with NUL."""
    for entry in corpus.all_entries():
        try:
            joined = words.split(entry.command or b"").joined()
        except Refused:
            continue
        if program + b"\0" in joined and len(joined) < 1000:
            yield joined.partition(program + b"\0")[2].rstrip(b"\0")


def seeds() -> Iterator[bytes]:
    """Yield argument vectors to begin with."""
    yield from vectors_of(PROGRAM)


def command_of(program: bytes, data: bytes) -> bytes:
    """Return the command line of PROGRAM with the arguments DATA."""
    return b" ".join((program, *(escape(word) or b"''" for word in data.split(b"\0"))))


def one_input(data: bytes) -> None:
    """Hold every property to the arguments DATA."""
    require_admitted(command_of(PROGRAM, data), b"rsync\0.\0/srv/data\0\0")
