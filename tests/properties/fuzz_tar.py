"""Fuzz target: any argument vector behind tar on the command line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracles.admitted import require_admitted

from .fuzz_rsync import command_of, vectors_of
from .mutations import OPTIONS
from .sentences import ARGUMENTS

PROGRAM = b"tar"
SEPARATOR = b"\0"
TOKENS = (*ARGUMENTS["tar"], *OPTIONS, b"/srv/data/x", b"/srv/restore", b"./../x", b"./a//b",
          b"./\\056\\056/x", b"./a\\n")


def seeds() -> Iterator[bytes]:
    """Yield argument vectors to begin with."""
    yield from vectors_of(PROGRAM)
    yield b"-c\0-f\0-\0-C\0/srv/data\0./\\056\\056/x"


def one_input(data: bytes) -> None:
    """Hold every property to the arguments DATA."""
    require_admitted(command_of(PROGRAM, data), b"")
