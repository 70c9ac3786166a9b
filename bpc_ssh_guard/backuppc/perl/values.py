"""Perl's scalars, arrays and hashes as plain Python values, and how Perl judges them."""

from __future__ import annotations

import re
from typing import Union

# Numbers are text too, as perl prints them; undef is None.
Value = Union[None, str, list["Value"], dict[str, "Value"]]

_FALSE = (None, "", "0")
# What Perl's numeric context reads at the beginning of a string (perlnumber): no hexadecimal.
_NUMBER = re.compile(r"[ \t\n\r\f\v]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")


def is_true(value: Value) -> bool:
    """Return whether VALUE is true in Perl, as '0.0' and '00' are, and every list and hash."""
    return value not in _FALSE


def number(value: Value) -> Union[int, float]:
    """Return VALUE in numeric context: leading digits count, other text and undef are 0.

    Raise TypeError for a list or hash, whose number would be an address.
    """
    if isinstance(value, (list, dict)):
        raise TypeError("a list or hash has no number")
    found = _NUMBER.match(value or "")
    if found is None:
        return 0
    exact = float(found[1])
    return int(exact) if exact.is_integer() else exact


def octets(value: str) -> bytes:
    """Return the bytes that perl hands to the system for VALUE: wide characters are UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")


def text(value: Value) -> str:
    """Return VALUE as Perl prints it; undef is empty. Raise TypeError for a list or hash."""
    if isinstance(value, (list, dict)):
        raise TypeError("a list or hash has no text")
    return value or ""
