"""The time of a record, by its wall clock, as a number."""

from __future__ import annotations

import datetime
import functools
import re
from typing import Final, Optional

STAMP: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
MARKS: Final = b"-T:.Z"  # what stands between the digits of one
DAY_NS: Final = 24 * 60 * 60 * 1_000_000_000
MICROSECOND_NS: Final = 1000
# Of each `HHMM`, looked up: records of one minute are too rare for a cache to find any.
MINUTES: Final = {
    b"%02d%02d" % (minute // 60, minute % 60): minute * 60 * 1_000_000_000
    for minute in range(24 * 60)
}

_EPOCH: Final = datetime.date(1970, 1, 1)


def to_ns(stamp: Optional[bytes]) -> Optional[int]:
    """Return the nanoseconds since the epoch of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    if stamp is None or not STAMP.fullmatch(stamp):
        return None
    digits = stamp.translate(None, MARKS)
    try:
        return day_ns(digits[:8]) + MINUTES[digits[8:12]] + int(digits[12:]) * MICROSECOND_NS
    except (ValueError, KeyError):  # no such day, no such minute
        return None


@functools.lru_cache(maxsize=64)  # records follow on each other: a day is asked for once
def day_ns(day: bytes) -> int:
    """Return the nanoseconds since the epoch of DAY, `YYYYMMDD`; raises ValueError for no day."""
    date = datetime.date(int(day[:4]), int(day[4:6]), int(day[6:]))
    return (date - _EPOCH).days * DAY_NS
