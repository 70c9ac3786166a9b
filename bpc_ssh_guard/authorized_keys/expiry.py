"""The time of `expiry-time=`: local time, which every sshd that knows the option can read.

UTC with a trailing Z came with OpenSSH 9.1, and older ones pass over the whole line then.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PAST: Final = b"20010101000000"  # for a key that works no more: sshd refuses it ever since

_FORM: Final = "%Y%m%d%H%M%S"
_ZONE: Final = b"TZ"


class _MachineZone:
    """The machine's own time zone, whatever TZ a login brought along; sshd reads lines by it."""

    __slots__ = ("_asked",)

    def __enter__(self) -> None:
        self._asked = os.environb.pop(_ZONE, None)
        time.tzset()

    def __exit__(self, *_: object) -> None:
        if self._asked is not None:
            os.environb[_ZONE] = self._asked
            time.tzset()


def at(seconds: int) -> bytes:
    """Return the local time YYYYMMDDHHMMSS of SECONDS after the epoch.

    An hour that is there twice as summer time ends is read by sshd as one of the two.
    """
    with _MachineZone():
        return time.strftime(_FORM, time.localtime(seconds)).encode("ascii")


def seconds_of(expiry: bytes) -> int:
    """Return the seconds after the epoch of EXPIRY, 14 digits; 0 for a time that is none.

    A time that is none is over to sshd as well: it ignores the line.
    """
    ends = (4, 6, 8, 10, 12, 14)
    year, month, day, hour, minute, second = (
        int(expiry[begin:end]) for begin, end in zip((0, *ends), ends)
    )
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return 0
    try:
        with _MachineZone():
            return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
    except (OverflowError, ValueError):
        return 0
