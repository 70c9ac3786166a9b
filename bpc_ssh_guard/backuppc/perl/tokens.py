"""The closed tokenizer of BackupPC's configuration files: what isn't listed here doesn't lex.

Text is the file's bytes as latin-1, so that every position is a byte's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Union

from lark import Token
from lark.lexer import Lexer

from .literals import Strange, double_quoted, number, range_ends, single_quoted, subscripts

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_TOKENS = 100_000  # stock has 1 500; so many take less than a second
MOST_NESTED = 32  # brackets; stock has 2, and whoever walks a value recurses

_KEY = (r"""\{[ \t]*(?:(?!v[0-9])[A-Za-z_][0-9A-Za-z_]*|'[ -&(-\[\]-~]*'|"[ 0-9A-Za-z_./*:-]*")"""
        r"""[ \t]*\}""")
# One token, tried in this order. A number before a word character or a dot is one of Perl's other
# numbers (1_000, 0b1, v-strings), and so may "." before a digit be.
_TOKEN = re.compile(
    rf"""
      (?P<CONF>        \$Conf (?:{_KEY})+ (?![\[\{{]) )
    | (?P<CHOMP>       chomp[ ]?\( \$Conf {_KEY} \) )
    | (?P<ENVIRONMENT> \$ENV {_KEY} )
    | (?P<CLEARED>     delete[ ]+@ENV\{{ [ ]*'\w+'[ ]* (?:,[ ]*'\w+'[ ]*)* \}} )
    | (?P<PRAGMA>      use[ ]+utf8 (?=[ \t]*;) )
    | (?P<BACKTICK>    `[0-9A-Za-z_./][0-9A-Za-z_./ -]*` )
    | (?P<WORD>        (?!v[0-9])[A-Za-z_]\w* (?=[ \t]*=>) )
    | (?P<UNDEF>       undef (?!\w) )
    | (?P<_IF_X>       if[ \t]+-x[ \t]* (?=['"]) )
    | (?P<RANGE>       (?:0|[1-9][0-9]{{0,8}}) [ \t]*\.\.[ \t]* (?:0|[1-9][0-9]{{0,8}}) (?![\w.]) )
    | (?P<NUMBER>      -?(?:0[0-7]+ | (?:0|[1-9][0-9]*) (?:\.[0-9]+)? (?:[eE][+-]?[0-9]{{1,2}})?)
                       (?![\w.]) )
    | (?P<_ARROW>      => )
    | (?P<_EQ>         = (?![=~>]) )
    | (?P<_DOT>        \. (?![.=0-9]) )
    | (?P<SEMI>        ; )
    | (?P<COMMA>       , )
    | (?P<LSQB>        \[ )  | (?P<RSQB>   \] )
    | (?P<LBRACE>      \{{ ) | (?P<RBRACE> \}} )
    | (?P<SINGLE>      ' [^'\\]* (?:\\.[^'\\]*)* ' )
    | (?P<DOUBLE>      " [^"\\$@]* (?:\\.[^"\\$@]*)* " )
    | (?P<DOCUMENT>    << (?P<quote>["']?) (?P<name>[A-Za-z_]\w*) (?P=quote)
                       [ \t]*; [ \t]*(?:\#[^\n]*)? \n )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BLANK = re.compile(r"[ \t\n]*(?:#[^\n]*(?:\n[ \t\n]*|\Z))*")
_DEPTH = {"LSQB": 1, "LBRACE": 1, "RSQB": -1, "RBRACE": -1}
# Tabs and newlines alone: perl ends a program at some control characters, and CR has its own rules.
_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")
_POD = re.compile(r"=[A-Za-z]")
# Perl looks into this line for options, or for another interpreter.
_INTERPRETER = re.compile(r"#!(?![ \t]*/[0-9A-Za-z_/]*/perl[ \t]*\n)")
_UTF8 = re.compile(r"use[ ]+utf8[ \t]*;")
_INTERPOLATING = re.compile(r"[^\\$@]*(?:\\.[^\\$@]*)*", re.DOTALL)
_Value = Union[str, "tuple[str, ...]", "tuple[int, int]"]


class Tokens(Lexer):
    """Lark's lexer for config.lark. A token's value is what Perl would make of it.

    Strings, numbers and words are `str`; CONF, TARGET and CHOMP hold a tuple of hash keys, RANGE
    its two ends.
    """

    def __init__(self, conf: object) -> None:
        """Take Lark's settings, of which nothing is needed here."""

    def lex(self, text: str) -> Iterator[Token]:  # type: ignore[override]  # Lark wraps it
        """Yield the tokens of TEXT; raise Strange at the first thing that isn't one."""
        for pattern, reason in ((_CONTROL, "a control character"), (_INTERPRETER, "a #! line")):
            found = pattern.search(text) if pattern is _CONTROL else pattern.match(text)
            if found is not None:
                raise Strange(found.start(), reason)
        return _Scan(text).tokens()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        # As the first statement or nowhere: then every string of the file is UTF-8.
        first = self._skipped(0)
        self._pragma = first if _UTF8.match(text, first) else -1
        if self._pragma >= 0:
            _decoded(text, 0)

    def tokens(self) -> Iterator[Token]:
        place, end, count = self._skipped(0), 0, 0
        kind = "SEMI"
        while place < len(self._text):
            found = _TOKEN.match(self._text, place)
            count += 1
            if found is None or count > MOST_TOKENS:
                reason = "not plain data" if found is None else f"more than {MOST_TOKENS} tokens"
                raise Strange(place, reason)
            at_start, kind = kind in ("SEMI", "DOCUMENT"), str(found.lastgroup)
            if kind == "DOCUMENT":
                body, end = self._document(found)
                yield Token("STRING", body, place, end_pos=end)
                yield Token("SEMI", ";", place, end_pos=end)
            else:
                end = found.end()
                name, value = self._simple(kind, found, at_start)
                yield Token(name, value, place, end_pos=end)
            place = self._skipped(end)
        if kind not in ("SEMI", "DOCUMENT"):
            yield Token("SEMI", "", end, end_pos=end)

    def _skipped(self, place: int) -> int:
        found = _BLANK.match(self._text, place)
        place = place if found is None else found.end()
        if _POD.match(self._text, place) and self._text[place - 1:place] in ("", "\n"):
            raise Strange(place, "POD, which perl skips")
        return place

    def _simple(self, kind: str, found: re.Match[str], at_start: bool) -> tuple[str, _Value]:
        text, place = found[0], found.start()
        if kind in ("SINGLE", "DOUBLE"):
            quoted = self._characters(text[1:-1], place)
            single = kind == "SINGLE"
            return "STRING", single_quoted(quoted) if single else double_quoted(quoted, place)
        if kind in ("CONF", "CHOMP"):
            name, keys = "TARGET" if kind == "CONF" and at_start else kind, subscripts(text)
            if name == "CONF" and len(keys) > 1:  # reading it makes the outer hash
                raise Strange(place, "a value taken from inside a hash")
            return name, keys
        if kind == "NUMBER":
            return kind, number(text, place)
        if kind == "RANGE":
            return kind, range_ends(text)
        if kind == "PRAGMA" and place != self._pragma:
            raise Strange(place, '"use utf8" that isn\'t the first statement')
        self._depth += _DEPTH.get(kind, 0)
        if self._depth > MOST_NESTED:
            raise Strange(place, f"nested deeper than {MOST_NESTED}")
        return kind, text

    def _document(self, found: re.Match[str]) -> tuple[str, int]:
        """Return a here-document's text, and where the line that ends it ends."""
        name, begin = found["name"], found.end()
        stop = self._text.find(f"\n{name}\n", begin - 1)
        if stop < 0 and self._text.endswith(f"\n{name}"):
            stop = len(self._text) - len(name) - 1
        if stop < begin - 1:
            raise Strange(found.start(), "a here-document without an end")
        body = self._characters(self._text[begin:stop + 1], begin)
        if found["quote"] != "'":
            if _INTERPOLATING.fullmatch(body) is None:
                raise Strange(begin, "a variable in a here-document")
            body = double_quoted(body, begin)
        return body, stop + 1 + len(name)

    def _characters(self, text: str, place: int) -> str:
        """Return what perl sees in TEXT: characters under `use utf8`, bytes else."""
        return text if self._pragma < 0 else _decoded(text, place)


def _decoded(text: str, place: int) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Strange(place + error.start, 'not UTF-8 in spite of "use utf8"') from None
