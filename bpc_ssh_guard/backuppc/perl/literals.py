"""What Perl makes of the text of a literal: strings, numbers, ranges, hash subscripts."""

from __future__ import annotations

import re

MOST_DIGITS = 15  # perl prints so many exactly, be it an integer or %.15g
MOST_IN_RANGE = 10_000  # elements

_SUBSCRIPT = re.compile(r"""\{[ \t]*(?:'([^']*)'|"([^"]*)"|(\w+))[ \t]*\}""", re.ASCII)
_SINGLE = re.compile(r"\\([\\'])")
_DOUBLE = re.compile(r"\\(?:x\{([0-9A-Fa-f]{1,6})\}|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "e": "\x1b", "f": "\f", "b": "\b"}
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


class Strange(Exception):
    """What stands at byte PLACE is no data that is known here."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


def subscripts(text: str) -> tuple[str, ...]:
    """Return the keys of `...{K}{'K'}{"K"}`."""
    return tuple(found[0] or found[1] or found[2] for found in _SUBSCRIPT.findall(text))


def single_quoted(text: str) -> str:
    """Return the string between single quotes."""
    return _SINGLE.sub(r"\1", text)


def double_quoted(text: str, place: int) -> str:
    """Return the string between double quotes, in which no variable stands.

    Raise Strange at an escape that isn't known (perlop, "Quote and Quote-like Operators").
    """
    def character(found: re.Match[str]) -> str:
        if found[1] is not None:
            code = int(found[1], 16)
            if code <= _LAST_CHARACTER and code not in _SURROGATES:
                return chr(code)
        elif found[2] in _LETTERS:
            return _LETTERS[found[2]]
        elif found[2].isascii() and not found[2].isalnum():
            return found[2]
        raise Strange(place, "an escape that isn't known here")
    return _DOUBLE.sub(character, text)


def number(text: str, place: int) -> str:
    """Return the number TEXT as perl prints it."""
    digits = text.lstrip("-")
    if len(re.split("[eE]", digits)[0].replace(".", "")) > MOST_DIGITS:
        raise Strange(place, f"a number of more than {MOST_DIGITS} digits")
    octal = len(digits) > 1 and digits.isdigit() and digits[0] == "0"
    value = float(int(digits, 8)) if octal else float(digits)
    if text[0] != "-":
        return format(value, f".{MOST_DIGITS}g")
    if value == 0:
        raise Strange(place, "a negative zero")  # its text differs between versions of perl
    return format(-value, f".{MOST_DIGITS}g")


def range_ends(text: str) -> tuple[int, int]:
    """Return the first and the last number of `1..5`."""
    first, last = text.split("..")
    return int(first), int(last)
