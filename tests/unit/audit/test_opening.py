"""Openings read together are those that the records have one by one, whatever a line says."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.audit.opening import (
    ENDED_MEMBER,
    STARTED_MEMBER,
    Openings,
    read,
    read_one,
)
from bpc_ssh_guard.record import seal
from bpc_ssh_guard.record.event import Session, timestamp
from bpc_ssh_guard.record.own import Recovered, Rotated, log_recovered, log_rotated

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = 1_000_000_000
NIGHT = 1_795_000_000 * SECOND
ENVIRONMENT = {b"SSH_CONNECTION": b"192.0.2.77 40112 198.51.100.7 22"}


def written(chance: random.Random, count: int, also: Sequence[bytes] = ()) -> list[bytes]:
    """Return COUNT lines as guards write them one after the other, and ALSO these records."""
    made = [_record(chance) for _ in range(count - len(also))]
    for each in also:
        made.insert(chance.randrange(len(made)), each)
    return [_sealed(chance, number, each) for number, each in enumerate(made, 100)]


def _record(chance: random.Random) -> bytes:
    session = Session.from_environment(ENVIRONMENT, b"web1-backup", b"0" * 32)
    kind = chance.random()
    if kind < 0.45:
        words = [b"rsync", b"--server", b"x" * chance.randrange(90)]
        return session.started(executable=b"/usr/bin/rsync", argv=words, command=b" ".join(words))
    if kind < 0.9:
        return session.ended(exit_status=chance.choice((0, 0, 0, 23)), duration_ns=1)
    if kind < 0.95:
        return session.denied(reason="not-words", command=b"\x1b,\"x\":\"y\"", offset=0)
    return session.greeted()


def _sealed(chance: random.Random, number: int, record: bytes) -> bytes:
    passed = number * 643 * SECOND + chance.randrange(SECOND)
    pid = chance.choice((b"99", b"1412", b"26664", b"4194303"))
    record = re.sub(rb'("@timestamp":")[^"]*', rb"\g<1>" + timestamp(NIGHT + passed).encode(),
                    record, count=1)
    record = re.sub(rb'("bpc.boottime_ns":)[0-9]+', rb"\g<1>%d" % (10**14 + passed), record)
    record = re.sub(rb'("process.pid":)[0-9]+', rb"\g<1>" + pid, record)
    line, _ = seal.seal(seal.prefix(number) + record[1:-2], bytes(32), bytes(32))
    return line


def told(found: Openings) -> object:
    runs = [
        (entity if action in (STARTED_MEMBER, ENDED_MEMBER) else None)
        for action, entity in zip(found.actions, found.entities)
    ]
    return found.boot, found.walls, found.apart, list(found.actions), runs


def one_by_one(lines: Sequence[bytes]) -> object:
    """Return what `told` does where all LINES can be read and are of one boot, else None."""
    ones = [one for one in map(read_one, lines) if one is not None]
    if len(ones) != len(lines) or len({one.boot for one in ones}) != 1:
        return None
    actions = [b'"event.action":"%b"' % one.action if one.action else b"" for one in ones]
    entities = [b'"process.entity_id":"%b"' % one.entity if one.entity else b"" for one in ones]
    return told(Openings(
        ones[0].boot, [one.wall for one in ones], [one.apart for one in ones], actions, entities
    ))


@pytest.mark.parametrize("seed", range(20))
def test_what_guards_write_is_read_together(seed: int) -> None:
    chance = random.Random(seed)
    also = [log_rotated(Rotated.SIZE, []), log_recovered(Recovered.LOG_FULL)][: chance.randrange(3)]
    lines = written(chance, 120, also)
    found = read(lines)
    assert found is not None
    assert found.actions.count(STARTED_MEMBER) > 20 and found.actions.count(ENDED_MEMBER) > 20
    assert told(found) == one_by_one(lines)


@pytest.mark.parametrize("other", [b'"', b",", b"0", b":", b"}", b"+", b" "])
def test_a_line_with_any_byte_changed_is_read_as_it_is_or_left(other: bytes) -> None:
    lines = written(random.Random(1), 40)
    began = [b'"command-started"' in line for line in lines]
    for place in (began.index(True), began.index(False), len(lines) - 1):
        line = lines[place]
        for at in range(len(seal.prefix(100)), line.index(b"bpc.key.label")):
            changed = [*lines]
            changed[place] = line[:at] + other + line[at + 1 :]
            found = read(changed)
            assert found is None or told(found) == one_by_one(changed), (place, at)


@pytest.mark.parametrize("seed", range(300))
def test_lines_cut_or_with_pieces_of_others_are_read_as_they_are_or_left(seed: int) -> None:
    chance = random.Random(seed)
    lines = written(chance, 40)
    for _ in range(chance.choice((1, 1, 5))):
        place, other = chance.randrange(len(lines)), chance.choice(lines)
        at, length = chance.randrange(12, 480), chance.randrange(120)
        begin = chance.randrange(480)
        lines[place] = lines[place][:at] + other[begin : begin + length] + lines[place][at:]
    found = read(lines)
    assert found is None or told(found) == one_by_one(lines)


def test_records_of_two_boots_are_not_read_together() -> None:
    lines = written(random.Random(2), 40)
    lines[20] = re.sub(rb'("host.boot.id":").', rb"\g<1>x", lines[20])
    assert read(lines) is None
    lines = [re.sub(rb'("host.boot.id":").', rb"\g<1>x", line) for line in lines]
    assert read(lines) is not None
