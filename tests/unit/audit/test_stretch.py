"""Many lines at once come to what each line for itself does, in good logs and in hostile ones."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.audit import segments as reading
from bpc_ssh_guard.audit.events import Events
from bpc_ssh_guard.audit.segments import Segment, blocks_of, lines_of
from bpc_ssh_guard.audit.stretch import prove
from bpc_ssh_guard.audit.verdict import Start, Verdict
from bpc_ssh_guard.audit.verify import _Reader, verify
from bpc_ssh_guard.audit.witness import Witness
from bpc_ssh_guard.record import seal
from bpc_ssh_guard.record.event import timestamp
from bpc_ssh_guard.record.line import RECORD_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

CHAIN, KEY = bytes(16), bytes(32)
SECOND = 1_000_000_000
NIGHT = 1_795_000_000 * SECOND
_ACTION = re.compile(rb"(?<=\"event.action\":\")[a-z-]+")
ODD_NAMES = (b"process.entity_ix", b"event.reason")


def log(chance: random.Random, count: int, recovered: bytes = b"") -> list[bytes]:
    """Return COUNT sealed records laid out as the guard does, a few of them otherwise.

    The one in the middle tells that the log was RECOVERED, by that code, if one is given.
    """
    head, key, wall, boottime, lines = seal.first_head(CHAIN), KEY, NIGHT, 0, []
    for number in range(count):
        passed = chance.choice((1, 60, 86_400)) * SECOND
        wall += passed + chance.choice((0,) * 30 + (3600 * SECOND, -90 * SECOND))
        boottime += passed
        body = record(chance, wall, boottime)
        if number == 0:
            body += b',"bpc.chain.id":"%b"' % CHAIN.hex().encode()
        if recovered and number == count // 2:
            body = b'%b,"event.code":"%b"' % (_ACTION.sub(b"log-recovered", body), recovered)
        line, head = seal.seal(seal.prefix(number) + body, head, key)
        key = seal.next_key(key)
        lines.append(line)
    return lines


def record(chance: random.Random, wall: int, boottime: int) -> bytes:
    action = chance.choice((b"command-started", b"command-ended", b"key-greeted"))
    boot = chance.choice((b"a",) * 40 + (b"b",))
    clock = b'"bpc.boottime_ns":%d' % boottime
    name = b"process.entity_id" if chance.random() < 0.98 else chance.choice(ODD_NAMES)
    members = [
        b'"@timestamp":"%b"' % timestamp(wall).encode(), b'"ecs.version":"9.4.0"',
        b'"event.kind":"event"', b'"event.category":["process"]', b'"event.type":["x"]',
        b'"event.action":"%b"' % action, b'"event.outcome":"success"',
        b'"event.dataset":"bpc.guard"', clock, b'"host.name":"web1"',
        b'"host.boot.id":"%b"' % boot, b'"observer.version":"1"', b'"process.pid":7',
        b'"%b":"%d"' % (name, chance.randrange(20)), b'"process.args":["a,b","c"]',
    ]
    if chance.random() < 0.02:
        chance.shuffle(members)
    elif chance.random() < 0.02:
        del members[chance.randrange(len(members))]
    return b",".join(members)


DAMAGES = ("none", "gone", "twice", "junk", "edited", "cut", "upper", "empty", "return", "long",
           "torn", "glued", "mac")


def damage(kind: str, chance: random.Random, lines: list[bytes]) -> list[bytes]:
    """Return LINES with the damage KIND somewhere."""
    at = chance.randrange(1, len(lines))
    line = lines[at]
    done = {
        "none": [line], "gone": [], "twice": [line, line], "junk": [b"hello\n", line],
        "edited": [line.replace(b"success", b"failure", 1)], "cut": [line[:-9] + b"\n"],
        "upper": [line[:-112] + line[-112:].upper()], "empty": [b"\n", line],
        "return": [line[:-1] + b"\r\n"], "long": [b"x" * 3 * RECORD_LIMIT + b"\n", line],
        "torn": [line[:40] + b"\n", line], "glued": [line[:-1] + line],
        "mac": [line[:-9] + b"00000" + line[-4:]],
    }
    return [*lines[:at], *done[kind], *lines[at + 1 :]]


class LineByLine(_Reader):
    """The plain way: no block is taken at once."""

    def _take_block(self, block: bytes) -> bool:
        return False


def told_by_lines(
    path: Path, key: bytes | None, witnesses: list[Witness]
) -> tuple[Verdict, object]:
    events = Events()
    reader = LineByLine(CHAIN, Start.of_chain(CHAIN, key), witnesses, events)
    reader.read(Segment(0, str(path)))
    return reader.end(), events.findings()


def told(path: Path, key: bytes | None, witnesses: list[Witness]) -> tuple[Verdict, object]:
    events = Events()
    verdict = verify([Segment(0, str(path))], CHAIN, Start.of_chain(CHAIN, key), witnesses, events)
    return verdict, events.findings()


@pytest.mark.parametrize("key", [None, KEY], ids=["chain alone", "with K_0"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", DAMAGES)
def test_blocks_come_to_the_same_as_single_lines(
    kind: str, seed: int, key: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    good = log(chance, 300)
    lines = damage(kind, chance, good)
    path = tmp_path / "commands-00000000000000000000.jsonl"
    path.write_bytes(b"".join(lines))
    seen = [Witness(CHAIN, n, chance.choice((KEY, head_of(good, n))), "x") for n in (7, 150)]
    witnesses = seen if seed == 0 else []
    monkeypatch.setattr(reading, "BLOCK", chance.choice((3000, 9000, 128 << 10)))
    assert told(path, key, witnesses) == told_by_lines(path, key, witnesses)


def head_of(lines: list[bytes], count: int) -> bytes:
    return bytes.fromhex(lines[count - 1][-106:-42].decode())


def test_a_whole_log_is_proved_and_its_steps_and_lost_ends_are_told(tmp_path: Path) -> None:
    path = tmp_path / "commands-00000000000000000000.jsonl"
    path.write_bytes(b"".join(log(random.Random(1), 300)))
    verdict, notes = told(path, KEY, [])
    assert (verdict.findings, verdict.whole) == ([], 300)
    assert {each.kind for each in notes} == {"clock", "unended"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("with_events", [True, False])
@pytest.mark.parametrize(("code", "kind"), [
    (b"log-shorter", "shorter"), (b"torn-write", "recovered-nothing"),
    (b"foreign-bytes", "recovered-nothing"),
])
def test_what_a_guard_says_it_found_is_looked_at_amid_whole_records(
    code: bytes, kind: str, with_events: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK", 3000)  # with neighbours of as many digits
    path = tmp_path / "commands-00000000000000000000.jsonl"
    path.write_bytes(b"".join(log(random.Random(4), 300, code)))
    events = Events() if with_events else None
    found = verify([Segment(0, str(path))], CHAIN, Start.of_chain(CHAIN, KEY), (), events)
    assert [(each.kind, each.records) for each in found.findings] == [(kind, (150, 150))]
    assert told(path, KEY, []) == told_by_lines(path, KEY, [])


@pytest.mark.parametrize("seed", range(40))
def test_blocks_split_where_lines_do(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    sizes = (0, 1, 900, RECORD_LIMIT, RECORD_LIMIT + 1, RECORD_LIMIT + 2, 5 * RECORD_LIMIT)
    content = b"".join(b"x" * chance.choice(sizes) + b"\n" for _ in range(12))
    path = tmp_path / "file"
    path.write_bytes(content[: len(content) - chance.choice((0, 1, 700))])
    monkeypatch.setattr(reading, "BLOCK", chance.choice((100, 4096, 70_000)))
    with open(path, "rb") as file:
        wanted = list(lines_of(file))
    with open(path, "rb") as file:
        blocks = list(blocks_of(file))
    found = []
    for number, block in enumerate(blocks):
        (tmp_path / str(number)).write_bytes(block)
        with open(tmp_path / str(number), "rb") as part:
            found += list(lines_of(part))
    assert found == wanted


def test_a_record_of_another_number_is_left_to_be_looked_at() -> None:
    line, _ = seal.seal(seal.prefix(8) + b'"a":1', bytes(32), KEY)
    assert prove([line], 8, bytes(32), KEY) is not None
    assert prove([line], 9, bytes(32), KEY) is None
