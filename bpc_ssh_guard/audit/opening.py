"""What many records open with, read by its place: the guard writes these members in one order.

Commas end the members, and no text may hold one before the place that is read: what is laid out
otherwise is not read here, so that the reader of single lines decides on it.
"""

from __future__ import annotations

from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, Optional

from .clock import MINUTES, NANOSECOND, seconds_of, seconds_of_day
from .form import (
    ACTION,
    BOOT,
    BOOTTIME,
    ENDED,
    ENTITY,
    LOG_RECOVERED,
    STARTED,
    TIME,
    member_after,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# The places of members among the first ones, see record.event.opening and Session.opening.
_READ: Final = itemgetter(1, 6, 9, 11, 14)  # time, action, boottime, boot and entity
_MEMBERS: Final = 15

# Members with their names, without the comma before them.
STARTED_MEMBER: Final = b'%b%b"' % (ACTION[1:], STARTED)
ENDED_MEMBER: Final = b'%b%b"' % (ACTION[1:], ENDED)
RECOVERED_MEMBER: Final = b'%b%b"' % (ACTION[1:], LOG_RECOVERED)
_RUNS: Final = (STARTED_MEMBER, ENDED_MEMBER)
_BOOTTIME: Final = BOOTTIME[1:]
_DIGITS: Final = b"0123456789"
_NUMBER_DIGITS: Final = 20  # of 2**64

_TIME: Final = b'"@timestamp":"0000-00-00T00:00:00.000000Z"'
_DAY_MINUTE_SECOND: Final = Struct("14x10sx6s9s2x")  # of it
_ANY_DIGIT_TO_0: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))


class Opening(NamedTuple):
    """How one record opens: `wall` in seconds since the epoch, `apart` that less its boottime."""

    boot: bytes
    wall: float
    apart: float
    action: Optional[bytes]
    entity: Optional[bytes]


class Openings(NamedTuple):
    """The openings of records of one boot, in their order.

    `walls` are seconds since the epoch, `apart` these less the time since the boot, `actions`
    members with their names. `entities` is what stands where the records of a command have
    process.entity_id: that it is for each start and end.
    """

    boot: bytes
    walls: list[float]
    apart: list[float]
    actions: Sequence[bytes]
    entities: Sequence[bytes]


def read(lines: Sequence[bytes]) -> Optional[Openings]:
    """Return how LINES open; None where one of them is laid out otherwise, or of another boot."""
    try:
        members = [_READ(line.split(b",", _MEMBERS)) for line in lines]
    except IndexError:  # a line of fewer members
        return None
    times, actions, since, boots, entities = zip(*members)
    # Counted, not gathered in a set: these bytes are new, and to hash them takes longer.
    boot = _text_of(boots[0], BOOT[1:])
    if boot is None or boots.count(boots[0]) != len(boots):
        return None
    if any(_text_of(each, ACTION[1:]) is None for each in {*actions}):
        return None
    walls, boottimes = _walls(times), _boottimes(since)
    if walls is None or boottimes is None:
        return None
    # Nearly always all of them are; those of runs have to be.
    if not _are_entities(entities) and not _are_entities(
        [each for each, action in zip(entities, actions) if action in _RUNS]
    ):
        return None
    apart = [wall - boottime * NANOSECOND for wall, boottime in zip(walls, boottimes)]
    return Openings(boot, walls, apart, actions, entities)


def _text_of(member: bytes, name: bytes) -> Optional[bytes]:
    """Return the string that MEMBER holds, `"NAME":"` and a quote around it, None for another."""
    if not member.startswith(name) or member.find(b'"', len(name)) != len(member) - 1:
        return None
    return member[len(name) : -1]


def _walls(members: Sequence[bytes]) -> Optional[list[float]]:
    joined = b"".join(members)
    if joined.translate(_ANY_DIGIT_TO_0) != _TIME * len(members):
        return None
    days = _Days()
    try:
        return [
            days[day] + MINUTES[minute] + float(second)
            for day, minute, second in _DAY_MINUTE_SECOND.iter_unpack(joined)
        ]
    except (ValueError, KeyError):  # no such day, no such minute
        return None


class _Days(dict[bytes, float]):
    """The seconds of each day that was asked for: records follow on each other."""

    def __missing__(self, day: bytes) -> float:
        seconds = self[day] = seconds_of_day(day)
        return seconds


def _boottimes(members: Sequence[bytes]) -> Optional[list[int]]:
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


def _are_entities(members: Sequence[bytes]) -> bool:
    """Tell whether each of MEMBERS, without a comma, is process.entity_id and a string."""
    joined, count = b",%b," % b",".join(members), len(members)
    return not members or (
        joined.count(ENTITY) == joined.count(b'",') == count
        and joined.count(b'"') == 4 * count and b'":",' not in joined
    )


def read_one(line: bytes) -> Optional[Opening]:
    """Return how LINE opens; None where it doesn't say when and since which boot it was written."""
    wall = seconds_of(member_after(line, TIME))
    boot, boottime = member_after(line, BOOT), _boottime(line)
    if wall is None or boot is None or boottime is None:
        return None
    apart = wall - boottime * NANOSECOND
    return Opening(boot, wall, apart, member_after(line, ACTION), member_after(line, ENTITY))


def _boottime(line: bytes) -> Optional[int]:
    begin = line.find(BOOTTIME)
    if begin < 0:
        return None
    begin += len(BOOTTIME)
    digits = line[begin : line.find(b",", begin)]
    return int(digits) if digits.isdigit() and len(digits) <= _NUMBER_DIGITS else None
