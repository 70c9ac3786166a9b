"""How clients write what the guard reads: shell escapes as BackupPC's, lists as rsync's."""

from __future__ import annotations

from collections.abc import Iterable

# BackupPC escapes all of these but ! # ~; rsync escapes those as well (util1.c, safe_arg).
ESCAPED = b" !#$&;|<>(){}[]*?^\"'`~\\"


def escape(word: bytes) -> bytes:
    """Return WORD as a client writes it on a command line."""
    return b"".join(
        b"\\" + bytes((byte,)) if byte in ESCAPED else bytes((byte,)) for byte in word
    )


def line(words: Iterable[bytes]) -> bytes:
    """Return the command line of WORDS."""
    return b" ".join(escape(word) for word in words)


def vector(*arguments: bytes) -> bytes:
    """Return ARGUMENTS, each ended by NUL."""
    return b"".join(argument + b"\0" for argument in arguments)


def secluded(*arguments: bytes) -> bytes:
    """Return the secluded list of ARGUMENTS as rsync sends it (io.c, send_protected_args)."""
    return vector(b"rsync", *arguments, b"")
