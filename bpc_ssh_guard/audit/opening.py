"""What many records open with, read by its place: the guard writes these members in one order.

Commas end the members, and no text may hold one before the place that is read: what is laid out
otherwise is not read here, so that the reader of single lines decides on it.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, Optional

from .clock import MICROSECOND_NS, MINUTES, day_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

# The place of a member among the first ones, see record.event.opening and Session.opening.
_TIME_AT: Final = 1
_ACTION_AT: Final = 6
_BOOTTIME_AT: Final = 9
_BOOT_AT: Final = 11
_ENTITY_AT: Final = 14
_MEMBERS: Final = 15

_TIME_FORM: Final = b'"@timestamp":"0000-00-00T00:00:00.000000Z"'
_ACTION: Final = b'"event.action":"'
_BOOTTIME: Final = b'"bpc.boottime_ns":'
_BOOT: Final = b'"host.boot.id":"'
ENTITY: Final = b'"process.entity_id":"'
_DIGITS: Final = b"0123456789"
_NUMBER_DIGITS: Final = 20  # of 2**64

_ANY_DIGIT_TO_0: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_BUT_DIGITS: Final = bytes({*_TIME_FORM} - {*b"0"})
_TIME: Final = Struct("8s 4s 8s")  # of the digits: day, minute, microseconds


class Openings(NamedTuple):
    """The openings of records of one boot, in their order.

    `walls` and `boottimes` are nanoseconds. `actions` are members with their names; `entities` is
    what stands where the records of a command have process.entity_id.
    """

    boot: bytes
    walls: list[int]
    boottimes: list[int]
    actions: Sequence[bytes]
    entities: Sequence[bytes]


def read(lines: Sequence[bytes]) -> Optional[Openings]:
    """Return how LINES open; None where one of them is laid out otherwise, or of another boot."""
    columns = list(zip(*[line.split(b",", _MEMBERS) for line in lines]))
    if len(columns) <= _MEMBERS:
        return None
    # Counted, not gathered in a set: these bytes are new, and to hash them takes longer.
    boots, actions = columns[_BOOT_AT], columns[_ACTION_AT]
    boot = text_of(boots[0], _BOOT)
    if boot is None or boots.count(boots[0]) != len(boots):
        return None
    if any(text_of(each, _ACTION) is None for each in {*actions}):
        return None
    walls, boottimes = _walls(columns[_TIME_AT]), _numbers(columns[_BOOTTIME_AT])
    if walls is None or boottimes is None:
        return None
    return Openings(boot, walls, boottimes, actions, columns[_ENTITY_AT])


def text_of(member: bytes, name: bytes) -> Optional[bytes]:
    """Return the string that MEMBER holds, `"NAME":"` and a quote around it, None for another."""
    if not member.startswith(name) or member.find(b'"', len(name)) != len(member) - 1:
        return None
    return member[len(name) : -1]


def _walls(members: Sequence[bytes]) -> Optional[list[int]]:
    joined = b"".join(members)
    if joined.translate(_ANY_DIGIT_TO_0) != _TIME_FORM * len(members):
        return None
    try:
        return [
            day_ns(day) + MINUTES[minute] + int(micro) * MICROSECOND_NS
            for day, minute, micro in _TIME.iter_unpack(joined.translate(None, _BUT_DIGITS))
        ]
    except (ValueError, KeyError):  # no such day, no such minute
        return None


def _numbers(members: Sequence[bytes]) -> Optional[list[int]]:
    begin = len(_BOOTTIME)
    # Nothing but names and digits; where a digit stands in a name, int meets the end of that.
    if b"".join(members).translate(None, _DIGITS) != _BOOTTIME * len(members):
        return None
    if max(map(len, members)) > begin + _NUMBER_DIGITS:
        return None
    try:
        return [int(member[begin:]) for member in members]
    except ValueError:
        return None
