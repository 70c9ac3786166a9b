"""The tokens that Lark finds in bytes: the oracle of the driver."""

from __future__ import annotations

import functools

from lark import Lark
from lark.exceptions import UnexpectedInput

from bpc_ssh_guard.grammar import compile as grammar_compile


@functools.cache
def parser(name: str) -> Lark:
    """Return Lark's parser of the grammar NAME, strict."""
    return grammar_compile.load(name)


def tokens(name: str, start: str, data: bytes) -> list[tuple[str, bytes, int]] | None:
    """Return (terminal, bytes, offset) of DATA as a sentence of START; None when it is none.

    Terminals that begin with an underscore are left out, as the driver leaves them out.
    """
    found = []
    parse = parser(name).parse_interactive(data, start)
    try:
        for token in parse.iter_parse():
            found.append((str(token.type), bytes(token.value), token.start_pos or 0))
        parse.feed_eof()  # type: ignore[no-untyped-call]  # Lark has it so
    except UnexpectedInput:
        return None
    return [token for token in found if not token[0].startswith("_")]
