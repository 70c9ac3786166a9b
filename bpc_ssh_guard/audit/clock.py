"""The time of a record, by its wall clock, as a number."""

from __future__ import annotations

import datetime
import functools
import re
from typing import Final, Optional

DAY_NS: Final = 24 * 60 * 60 * 1_000_000_000
MICROSECOND_NS: Final = 1000
# Of each `HH:MM`, looked up: records of one minute are too rare for a cache to find any.
MINUTES: Final = {
    b"%02d:%02d" % (minute // 60, minute % 60): minute * 60 * 1_000_000_000
    for minute in range(24 * 60)
}

_DAY: Final = re.compile(rb"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_EPOCH: Final = datetime.date(1970, 1, 1)


def to_ns(stamp: Optional[bytes]) -> Optional[int]:
    """Return the nanoseconds since the epoch of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    if stamp is None or len(stamp) != 27 or not (stamp[17:19] + stamp[20:26]).isdigit():
        return None
    try:
        minute = day_ns(stamp[:10]) + MINUTES[stamp[11:16]]
    except (ValueError, KeyError):
        return None
    return minute + int(stamp[17:19] + stamp[20:26]) * MICROSECOND_NS


@functools.lru_cache(maxsize=64)  # records follow on each other: a day is asked for once
def day_ns(day: bytes) -> int:
    """Return the nanoseconds since the epoch of DAY, `YYYY-MM-DD`; raises ValueError for no day."""
    found = _DAY.fullmatch(day)
    if found is None:
        raise ValueError(day)
    return (datetime.date(*map(int, found.groups())) - _EPOCH).days * DAY_NS
