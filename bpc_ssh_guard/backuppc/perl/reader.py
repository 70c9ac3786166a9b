"""Reads a configuration file as statements, all of it or nothing; no line of it ever runs."""

from __future__ import annotations

import bisect
import functools
import importlib.resources
from dataclasses import dataclass
from typing import Optional, cast

from lark import Lark, UnexpectedInput

from ..undecided import Undecided
from .assigned import Assigned, Builder
from .literals import Strange
from .tokens import Tokens


@dataclass(frozen=True)
class Statement:
    """One statement: bytes BEGIN to END of the file, END behind its semicolon, from line LINE.

    END is behind the last line of a here-document where one follows. ASSIGNED is None where the
    statement doesn't touch %Conf.
    """

    line: int
    begin: int
    end: int
    assigned: Optional[Assigned]


def read(path: str, data: bytes) -> tuple[Statement, ...]:
    """Return the statements of DATA, the content of PATH.

    Raise Undecided with the line of the first thing that isn't plain data.
    """
    text = data.decode("latin-1")
    lines = _Lines(text)
    try:
        found = cast("list[tuple[int, int, Optional[Assigned]]]", _parser().parse(text))
    except Strange as strange:
        raise Undecided(path, strange.reason, lines.at(strange.place)) from None
    except UnexpectedInput as error:  # its text would show the file's
        place = getattr(getattr(error, "token", None), "start_pos", None)
        line = lines.at(len(text) if place is None else place)
        raise Undecided(path, "a statement that isn't plain data", line) from None
    return tuple(Statement(lines.at(begin), begin, end, assigned)
                 for begin, end, assigned in found)


class _Lines:
    def __init__(self, text: str) -> None:
        self._starts = [0]
        place = text.find("\n")
        while place >= 0:
            self._starts.append(place + 1)
            place = text.find("\n", place + 1)

    def at(self, place: int) -> int:
        return bisect.bisect_right(self._starts, place)


@functools.lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = importlib.resources.files(__package__).joinpath("config.lark").read_text("ascii")
    return Lark(grammar, parser="lalr", lexer=Tokens, transformer=Builder())
