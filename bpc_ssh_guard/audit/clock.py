"""The time of a record, by its wall clock, as a number."""

from __future__ import annotations

import calendar
import functools
import time
from typing import Optional


def to_ns(stamp: Optional[bytes]) -> Optional[int]:
    """Return the nanoseconds since the epoch of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    if stamp is None or len(stamp) != 27:
        return None
    minute, second, micro = minute_ns(stamp[:16]), stamp[17:19], stamp[20:26]
    if minute is None or not (second + micro).isdigit():
        return None
    return minute + int(second + micro) * 1000


@functools.lru_cache(maxsize=64)  # nearly every record is of the minute of the one before
def minute_ns(stamp: bytes) -> Optional[int]:
    """Return the nanoseconds since the epoch of STAMP, `YYYY-MM-DDTHH:MM`, None if it is none."""
    try:
        return calendar.timegm(time.strptime(stamp.decode("ascii"), "%Y-%m-%dT%H:%M")) * 10**9
    except ValueError:
        return None
