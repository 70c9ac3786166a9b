"""Durations as admins write them: a number and m, h or d."""

from __future__ import annotations

import re
from typing import Final

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {"m": MINUTE, "h": HOUR, "d": DAY}
_FORM: Final = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the seconds that TEXT stands for; raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!a} is no duration; write a number and m, h or d, as in 2h or 90d")
    return int(found[1]) * _UNITS[found[2]]


def in_words(seconds: int) -> str:
    """Return SECONDS in the largest unit that divides them to at least two: 36h, 90d, 5m."""
    for unit, size in (("d", DAY), ("h", HOUR)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0) // MINUTE}m"
