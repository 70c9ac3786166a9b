"""The time of a record by its wall clock, in seconds since the epoch: exact to a microsecond."""

from __future__ import annotations

import datetime
import re
from typing import Final, Optional

STAMP: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
DAY: Final = 86_400.0
NANOSECOND: Final = 1e-9
# Of each `HH:MM:`, looked up: records of one minute are too rare for a cache to find any.
MINUTES: Final = {
    b"%02d:%02d:" % (minute // 60, minute % 60): minute * 60.0 for minute in range(24 * 60)
}

_DAY_FORM: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH: Final = datetime.date(1970, 1, 1)


def seconds_of(stamp: Optional[bytes]) -> Optional[float]:
    """Return the seconds of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`; None for one of no calendar."""
    if stamp is None or not STAMP.fullmatch(stamp):
        return None
    try:
        return seconds_of_day(stamp[:10]) + MINUTES[stamp[11:17]] + float(stamp[17:26])
    except (ValueError, KeyError):  # no such day, no such minute
        return None


def seconds_of_day(day: bytes) -> float:
    """Return the seconds at the begin of DAY, `YYYY-MM-DD`; raises ValueError for no day."""
    if not _DAY_FORM.fullmatch(day):
        raise ValueError("no day")
    date = datetime.date(int(day[:4]), int(day[5:7]), int(day[8:]))
    return (date - _EPOCH).days * DAY
