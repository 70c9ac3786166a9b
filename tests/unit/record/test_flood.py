"""A key that is refused again and again fills no disk, and what was left out is counted."""

from __future__ import annotations

import os

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.record import flood, held, sink
from bpc_ssh_guard.record.flood import MINUTE_NS, REFUSALS, Bucket
from bpc_ssh_guard.record.sink import Kind

from . import scenes

KEY = ("web1-backup", "5" * 32)
OTHER = ("web1-restore", "6" * 32)
REFUSED = b'{"refused":1}\n'


def test_a_bucket_gives_so_many_at_once_and_again_in_a_minute() -> None:
    bucket = Bucket()
    assert [bucket.take(1, 0) for _ in range(REFUSALS + 2)] == [True] * REFUSALS + [False] * 2
    assert bucket.count == 2
    half = 1 + MINUTE_NS // 2
    assert [bucket.take(half, 0) for _ in range(REFUSALS)].count(True) == REFUSALS // 2
    assert bucket.take(half + MINUTE_NS, 0)


def test_after_a_reboot_the_bucket_is_full_again() -> None:
    bucket = Bucket()
    while bucket.take(10**15, 0):
        pass
    assert bucket.take(5, 0)


def test_what_was_left_out_is_due_after_a_minute_or_when_the_clock_went_back() -> None:
    bucket = Bucket(level=0, filled=1, count=3, start=10 * MINUTE_NS, end=10 * MINUTE_NS)
    assert not bucket.is_due(10 * MINUTE_NS + 5)
    assert bucket.is_due(11 * MINUTE_NS)
    assert bucket.is_due(9 * MINUTE_NS)
    assert not Bucket().is_due(10**18)


def test_a_key_is_refused_in_the_log_so_often_and_no_other_key_pays_for_it(directory) -> None:
    scenes.begin(directory)
    for _ in range(REFUSALS + 5):
        scenes.append(directory, REFUSED, kind=Kind.REFUSAL, key=KEY)
    scenes.append(directory, b'{"other":1}\n', kind=Kind.REFUSAL, key=OTHER)
    told = scenes.told(directory)
    # A minute gives thirty, so while this runs one or two may come back.
    assert REFUSALS <= told.count({"refused": 1}) <= REFUSALS + 3
    assert told.count({"other": 1}) == 1


def test_one_record_stands_for_the_refusals_of_a_minute(directory, monkeypatch) -> None:
    scenes.begin(directory)
    for _ in range(REFUSALS + 5):
        scenes.append(directory, REFUSED, kind=Kind.REFUSAL, key=KEY)
    left_out = REFUSALS + 5 - scenes.told(directory).count({"refused": 1})
    assert left_out > 0
    now = sink.time.time_ns()
    monkeypatch.setattr(sink.time, "time_ns", lambda: now + MINUTE_NS)
    scenes.append(directory, b'{"start":1}\n', kind=Kind.START)
    [suppressed] = [record for record in scenes.records(directory)
                    if record.get("event.action") == "refusals-suppressed"]
    assert suppressed["bpc.suppressed.count"] == left_out
    assert (suppressed["bpc.key.label"], suppressed["bpc.key.id"]) == KEY
    assert suppressed["event.code"] == "rate-limit"


def test_a_day_has_so_many_bytes_of_log_and_then_no_command_runs(directory, monkeypatch) -> None:
    scenes.begin(directory)
    monkeypatch.setattr(sink, "DAY_BYTES", 3000)
    scenes.append(directory, b'{"pad":"%s"}\n' % (b"x" * 3000), kind=Kind.START)
    for kind in (Kind.START, Kind.OTHER):  # a greeting, too
        with pytest.raises(GuardFailure) as caught:
            scenes.append(directory, b'{"start":1}\n', kind=kind)
        assert caught.value.reason == "cannot-record"
    scenes.append(directory, REFUSED, kind=Kind.REFUSAL, key=KEY)
    scenes.append(directory, b'{"end":1}\n', kind=Kind.END)  # refusals and ends go on
    tomorrow = f"{int(held.day()) + 1}"  # in the same segment
    monkeypatch.setattr(held, "day", lambda: tomorrow)
    scenes.append(directory, b'{"start":2}\n', kind=Kind.START)
    assert scenes.told(directory)[-1] == {"start": 2}


def test_a_day_counts_its_segments_all_together(directory, monkeypatch) -> None:
    scenes.begin(directory)
    monkeypatch.setattr(sink, "DAY_BYTES", 10_000)
    monkeypatch.setattr(held.segment, "SIZE_LIMIT", 2000)
    count = 0
    with pytest.raises(GuardFailure):
        while True:
            scenes.append(directory, b'{"pad":"%s"}\n' % (b"x" * 800), kind=Kind.START)
            count += 1
    logged = sum(entry.stat().st_size for entry in os.scandir(directory))
    assert 10_000 <= logged < 13_000


def test_bounds_have_the_documented_values() -> None:
    assert (flood.REFUSALS, flood.DAY_BYTES) == (30, 256 << 20)
