"""Fuzz target: any bytes on standard input where a secluded list is read."""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracles import corpus
from tests.oracles.admitted import require_admitted

from .mutations import OPTIONS
from .sentences import ARGUMENTS

SEPARATOR = b"\0"
TOKENS = (
    *ARGUMENTS["rsync"], *OPTIONS, b"/srv/data/\xc3\xa9", b"/srv/restore", b"\0\0", b"rsync\0.",
    b"/srv/data\0\0\x1f\0\0\0",
)  # fmt: skip
COMMANDS = (
    b"rsync --server --sender -slHogDtprcxe.iLsfxC",
    b"rsync --server -slHogDtprRe.iLsfxC",
    b"rsync --server --sender -s --iconv=iso-8859-1",
    b"rsync --server --sender -sAXzLk --iconv=gb18030",
    b"rsync --server -s --iconv=shift_jis",
)


def seeds() -> Iterator[bytes]:
    """Yield lists to begin with; the first byte picks a command and the size of pieces."""
    for entry in corpus.all_entries():
        if entry.stdin.startswith(b"rsync\0") and len(entry.stdin) < 1000:
            yield b"\0" + entry.stdin
            yield b"\1" + entry.stdin


def one_input(data: bytes) -> None:
    """Hold every property to the list DATA: the same answer and rest in pieces as in one."""
    command = COMMANDS[(data[0] if data else 0) % len(COMMANDS)]
    piece = 1 + (data[0] if data else 0) // len(COMMANDS) % 5
    stdin = data[1:]
    whole = require_admitted(command, stdin)
    for one, other in zip(whole, require_admitted(command, stdin, piece)):
        if one.verdict != other.verdict:
            raise AssertionError(f"{command!r} {stdin!r}: {piece} bytes at a time differ")
        if one.plan is None or one.command is None or other.plan is None:
            continue
        secluded = one.command.secluded or b""
        if secluded + one.rest != stdin or one.rest != other.rest:
            raise AssertionError(f"{command!r} {stdin!r}: {one.rest!r} {other.rest!r} is left")
        if secluded.index(b"\0\0") != len(secluded) - 2:
            raise AssertionError(f"{stdin!r}: read past the end of the list")
