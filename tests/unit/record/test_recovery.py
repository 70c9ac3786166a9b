"""What killed guards, other programs and lost files leave is made good, told, and never cut off."""

from __future__ import annotations

import errno
import json
import os
import random
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.record import held, notes, segment
from bpc_ssh_guard.record.recovery import PIECES, is_torn
from bpc_ssh_guard.record.sink import Kind

from . import scenes
from .verifier import verify

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "5d0c7f3a9b1e4c2d8a6f0b3c7e9d1f24"
LINE = b'{"a":1}\n'


@pytest.fixture
def begun(directory):
    """Begin a log with one record of ours; return its chain and K_0."""
    begun = scenes.begin(directory)
    scenes.append(directory, LINE)
    return begun


def add(directory: bytes, content: bytes) -> None:
    with open(scenes.log_path(directory), "ab") as file:
        file.write(content)


def codes(directory: bytes) -> list[object]:
    return [record.get("event.code") for record in scenes.records_of_all(directory)
            if record.get("event.action") == "log-recovered"]


@pytest.mark.parametrize("torn", [
    b"{", b'{"event.seq', b'{"event.sequence":2,', b'{"event.sequence":2,"@timestamp":"2026',
    b'{"event.sequence":2,"a"\n{"event.sequence":2,"b', b'{"event.sequence":2,"a"\n',
])
def test_a_torn_write_is_acknowledged_and_no_finding(directory, begun, torn: bytes) -> None:
    add(directory, torn)
    scenes.append(directory, LINE)
    found = verify(directory, begun.chain, begun.key)
    assert (found.findings, found.torn) == ([], 1)
    assert len(found.records) == 4
    recovered = found.records[2]
    assert recovered["event.code"] == "torn-write"
    assert recovered["event.outcome"] == "success"
    assert recovered["bpc.recovered.bytes"] == len(torn) + (not torn.endswith(b"\n"))


@pytest.mark.parametrize("foreign", [
    b"\n", b"x", b"{}\n", b'{"event.sequence":3,"a', b'{"event.sequence":2,"a":1}',
    b'{"event.sequence":2,"a":1}\n', b"\0" * 5000, b'{"event.sequence":2,\n\n', b"#" * 3_000_000,
    b"{\n" * (PIECES + 1), b'{"event.sequence":2,' + b"x" * 70_000,
])
def test_foreign_bytes_are_acknowledged_as_what_they_are(directory, begun, foreign: bytes) -> None:
    add(directory, foreign)
    scenes.append(directory, LINE)
    found = verify(directory, begun.chain, begun.key)
    assert found.findings == [("foreign-bytes", 2)]
    assert found.records[2]["event.outcome"] == "failure"
    with open(scenes.log_path(directory), "rb") as file:
        assert foreign in file.read()


def test_records_that_the_state_does_not_know_are_accepted(directory, begun) -> None:
    """A guard was killed between the write and the state: what it wrote is not lost."""
    state = scenes.state_of(directory) + b"/state"
    with open(state, "rb") as file:
        old = file.read()
    scenes.append(directory, b'{"b":2}\n', b'{"c":3}\n')
    with open(state, "r+b") as file:
        file.write(old)
    scenes.append(directory, b'{"d":4}\n')
    assert scenes.told(directory) == [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}]
    assert verify(directory, begun.chain, begun.key).findings == []


def test_a_record_whole_but_for_its_lf_gets_it(directory, begun) -> None:
    state = scenes.state_of(directory) + b"/state"
    with open(state, "rb") as file:
        old = file.read()
    scenes.append(directory, b'{"b":2}\n')
    with open(state, "r+b") as file:
        file.write(old)
    with open(scenes.log_path(directory), "r+b") as file:
        file.truncate(os.path.getsize(scenes.log_path(directory)) - 1)
    scenes.append(directory, b'{"c":3}\n')
    assert scenes.told(directory) == [{"a": 1}, {"b": 2}, {"c": 3}]
    found = verify(directory, begun.chain, begun.key)
    assert (found.findings, found.torn) == ([], 0)


@pytest.mark.parametrize("how", ["cut", "emptied", "removed", "renamed"])
def test_a_segment_that_lost_something_is_left_and_the_next_one_says_so(
    directory, begun, how: str
) -> None:
    path = scenes.log_path(directory)
    size = os.path.getsize(path)
    changes: dict[str, Callable[[], None]] = {
        "cut": lambda: os.truncate(path, size - 5), "emptied": lambda: os.truncate(path, 0),
        "removed": lambda: os.unlink(path), "renamed": lambda: os.rename(path, path + b".1"),
    }
    changes[how]()
    scenes.append(directory, LINE)
    [recovered, ours] = scenes.records(directory, first=2)
    assert recovered["event.code"] == "log-shorter"
    assert recovered["bpc.recovered.expected"] == size
    left = {"cut": size - 5, "emptied": 0}.get(how, -1)
    assert recovered["bpc.recovered.found"] == left
    assert recovered["bpc.chain.id"] == begun.chain.hex()
    assert ours["a"] == 1
    assert not os.path.exists(path) or os.path.getsize(path) == left


@pytest.mark.parametrize("torn", [b"", b'{"event.sequence":2,"@time'])
def test_a_guard_killed_while_it_left_a_lost_segment_does_not_hide_the_loss(
    directory, begun, torn: bytes
) -> None:
    """The next segment is there, and its first record not, or only a piece of it."""
    size = os.path.getsize(scenes.log_path(directory))
    os.truncate(scenes.log_path(directory), size - 5)
    with open(scenes.log_path(directory, first=2), "wb") as file:
        file.write(torn)
    os.chmod(scenes.log_path(directory, first=2), 0o640)
    scenes.append(directory, LINE)
    lines = scenes.log_lines(directory, first=2)
    told = [json.loads(line) for line in lines[len(torn.splitlines()) :]]
    expected = ["torn-write", "log-shorter"] if torn else ["log-shorter"]
    assert [record.get("event.code") for record in told] == [*expected, None]
    assert told[0]["bpc.chain.id"] == begun.chain.hex()
    assert ["bpc.chain.id" in record for record in told].count(True) == 1
    assert told[-2]["bpc.recovered.expected"] == size
    assert told[-2]["bpc.recovered.found"] == size - 5


def test_a_lost_end_that_is_noted_does_not_hide_a_loss(directory, begun) -> None:
    os.unlink(scenes.log_path(directory))
    sink = scenes.open_sink(directory)
    sink.owe_end(RUN)
    sink.append(LINE)
    sink.close()
    told = [record.get("event.code") for record in scenes.records(directory, first=2)]
    assert told == ["log-shorter", "end-record-lost", None]


def test_on_a_full_disk_nothing_goes_behind_a_piece_that_cannot_be_taken_back(
    directory, begun, monkeypatch
) -> None:
    """As chattr +a has it: the piece stays, and only a guard that acknowledges it may go on."""
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            return real(descriptor, data)
        monkeypatch.setattr(os, "write", real)
        return real(descriptor, data[: len(data) // 2])

    def refused(descriptor: int, size: int) -> None:
        if size:
            raise PermissionError(errno.EPERM, "append only")

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", refused)
    with pytest.raises(GuardFailure):
        scenes.append(directory, b'{"end":1}\n', kind=Kind.END)
    scenes.append(directory, b'{"end":2}\n', kind=Kind.END)
    found = verify(directory, begun.chain, begun.key)
    assert (found.findings, found.torn) == ([], 1)
    assert {"end": 2}.items() <= found.records[-1].items()


def test_torn_is_only_what_a_killed_guard_can_leave() -> None:
    assert is_torn([b"{"], 7)
    assert is_torn([b'{"event.sequence":7,"x'], 7)
    assert not is_torn([b""], 7)
    assert not is_torn([b'{"event.sequence":8,"x'], 7)
    assert not is_torn([b'{"event.sequence":7,"x"}'], 7)


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "link", "open to others"])
def test_without_its_state_the_log_is_not_written_and_the_state_not_made(
    directory, begun, damage: str
) -> None:
    state = scenes.state_of(directory) + b"/state"
    if damage in ("missing", "link"):
        os.rename(state, state + b".old")
    if damage == "link":
        os.symlink(state + b".old", state)
    if damage == "cut":
        os.truncate(state, 511)
    if damage == "changed":
        with open(state, "r+b") as file:
            file.write(b"bpcg1 00000000000000000003")
    if damage == "open to others":
        os.chmod(state, 0o666)
    before = os.path.getsize(scenes.log_path(directory))
    with pytest.raises(GuardFailure) as caught:
        scenes.append(directory, LINE)
    assert caught.value.reason == "cannot-record"
    assert ("log init" in caught.value.detail) == (damage in ("missing", "cut", "changed"))
    assert os.path.getsize(scenes.log_path(directory)) == before
    assert damage != "missing" or not os.path.exists(state)


# A guard killed at each step of an append

STEPS = ("create", "write", "sync", "state")


def killed_at(step: str, number: int) -> None:
    """Make this process vanish at the NUMBERth time of STEP, which a kill can hit at any byte."""
    counts = dict.fromkeys(STEPS, 0)

    def now(which: str) -> bool:
        counts[which] += 1
        return which == step and counts[which] == number

    real = {"create": segment.create, "write": os.write, "sync": os.fdatasync, "state": os.pwrite}

    def create(*arguments: object) -> int:
        made = real["create"](*arguments)
        if now("create"):
            os._exit(9)
        return made

    def write(descriptor: int, data: bytes) -> int:
        if len(data) > 100 and now("write"):
            real["write"](descriptor, data[: random.randrange(len(data) + 1)])
            os._exit(9)
        return real["write"](descriptor, data)

    def sync(descriptor: int) -> None:
        if now("sync"):
            os._exit(9)
        real["sync"](descriptor)

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if now("state"):
            os._exit(9)
        return real["state"](descriptor, data, offset)

    segment.create, os.write, os.fdatasync, os.pwrite = create, write, sync, pwrite


def test_guards_killed_at_every_step_leave_a_log_without_a_finding(directory) -> None:
    """Kills inside a recovery and a rotation too: each round finds what the last one left."""
    begun = scenes.begin(directory)
    acknowledged = 0
    random.seed(7)

    def append(step: str, number: int, small: bool) -> None:
        if small:
            segment.SIZE_LIMIT = 1  # each append rotates
        killed_at(step, number)
        scenes.append(directory, LINE, b'{"b":2}\n')

    for step in STEPS:
        for number in (1, 2):
            for small in (False, True):
                for _ in range(8):
                    status = scenes.run(lambda: append(step, number, small))  # noqa: B023
                    assert status in (0, 9)
                    acknowledged += 2 * (status == 0)
    scenes.append(directory, LINE)
    found = verify(directory, begun.chain, begun.key)
    assert found.findings == []
    assert found.torn > 0, "no write was cut"
    told = [record for record in found.records if "a" in record or "b" in record]
    assert len(told) >= acknowledged + 1
    assert len(os.listdir(directory)) > 20, "nothing was rotated"


# Rotation, changes of the policy, floods

def test_a_segment_of_its_size_is_followed_by_the_next(directory, begun, monkeypatch) -> None:
    monkeypatch.setattr(segment, "SIZE_LIMIT", 2000)
    for _ in range(12):
        scenes.append(directory, b'{"pad":"%s"}\n' % (b"x" * 300))
    found = verify(directory, begun.chain, begun.key)
    assert found.findings == []
    rotated = [each for each in found.records if each.get("event.action") == "log-rotated"]
    assert [record["event.reason"] for record in rotated][:2] == ["created", "size"]
    previous = [record["bpc.segment.previous"] for record in rotated]
    assert previous == ["", *sorted(map(os.fsdecode, os.listdir(directory)))[:-1]]


def test_a_new_month_begins_a_segment(directory, begun, monkeypatch) -> None:
    monkeypatch.setattr(held, "month", lambda _today: b"203001")
    scenes.append(directory, LINE)
    assert scenes.records(directory, first=2)[0]["event.reason"] == "month"


def test_a_recovery_does_not_put_off_the_month_s_segment(directory, begun, monkeypatch) -> None:
    monkeypatch.setattr(held, "month", lambda _today: b"203001")
    add(directory, b'{"event.seq')
    scenes.append(directory, LINE)  # acknowledges, in the old segment
    scenes.append(directory, LINE)
    assert scenes.records(directory, first=4)[0]["event.reason"] == "month"


def test_a_change_of_the_policy_is_recorded_once_before_what_it_governs(directory, begun) -> None:
    for sha256 in ("1" * 64, "1" * 64, "2" * 64, "2" * 64):
        sink = scenes.open_sink(directory)
        sink.policy = b"/etc/bpc-ssh-guard/policy", sha256
        sink.append(LINE)
        sink.close()
    actions = [record.get("event.action") for record in scenes.records(directory)]
    assert actions.count("policy-changed") == 1
    [changed] = [r for r in scenes.records(directory) if r.get("event.action") == "policy-changed"]
    assert changed["bpc.policy.previous_sha256"] == "1" * 64
    assert changed["bpc.policy.sha256"] == "2" * 64


def test_more_lost_ends_than_the_notes_have_room_for_are_still_said(directory, begun) -> None:
    sink = scenes.open_sink(directory)
    for number in range(notes.DEBTS + 5):
        sink.owe_end(f"{number:032x}")
    sink.append(LINE)
    sink.close()
    assert codes(directory) == ["end-record-lost"] * (notes.DEBTS + 1)


def test_a_lost_end_is_said_by_the_next_record(directory, begun) -> None:
    sink = scenes.open_sink(directory)
    sink.owe_end(RUN)
    sink.append(LINE)
    sink.append(LINE)
    sink.close()
    assert codes(directory) == ["end-record-lost"]
    assert [r["process.entity_id"] for r in scenes.records(directory) if "event.code" in r] == [RUN]


def test_bytes_beside_the_log_that_are_no_notes_harm_nothing(directory, begun) -> None:
    with open(scenes.state_of(directory) + b"/aux", "wb") as file:
        file.write(b"\xff\0 policy day\nday x\n")
    scenes.append(directory, LINE)
    assert verify(directory, begun.chain, begun.key).findings == []
