"""A key that is refused again and again fills no disk, and what was left out is counted."""

from __future__ import annotations

import os
import random

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.record import flood, held, notes, sink
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


@pytest.fixture
def narrow(monkeypatch) -> int:
    """The bytes of one key's day, lowered: 20 000, charged in pieces of 1000."""
    monkeypatch.setattr(flood, "KEY_DAY_BYTES", 20_000)
    monkeypatch.setattr(notes, "CHARGE", 1000)
    return 20_000


def _flood(directory, kind: str, key: tuple[str, str]) -> int:
    """Append records of 600 bytes until no more is written; return how many bytes were."""
    before = _logged(directory)
    for _ in range(200):
        was = _logged(directory)
        try:
            scenes.append(directory, b'{"pad":"%s"}\n' % (b"x" * 600), kind=kind, key=key)
        except GuardFailure as failure:
            assert failure.reason == "cannot-record"
            assert "Key web1-backup" in failure.detail
            return _logged(directory) - before
        if _logged(directory) == was:
            return _logged(directory) - before
    raise AssertionError("no bound")


def _logged(directory) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(directory) if entry.is_file())


@pytest.mark.parametrize("kind", [Kind.START, Kind.OTHER])
def test_a_key_that_floods_stops_itself_and_no_other_key(directory, narrow, kind) -> None:
    """Else one stolen key could stop every backup of its machine until the next day."""
    scenes.begin(directory)
    assert narrow * 0.9 <= _flood(directory, kind, KEY) < narrow * 1.1
    scenes.append(directory, b'{"start":"other"}\n', kind=Kind.START, key=OTHER)
    assert scenes.told(directory)[-1] == {"start": "other"}


def test_refusals_have_a_bound_in_bytes_too(directory, narrow, monkeypatch) -> None:
    monkeypatch.setattr(flood, "REFUSALS", 10_000)
    scenes.begin(directory)
    assert narrow * 0.9 <= _flood(directory, Kind.REFUSAL, KEY) < narrow * 1.1
    scenes.append(directory, b'{"end":1}\n', kind=Kind.END, key=KEY)  # too late to refuse it
    assert scenes.told(directory)[-1] == {"end": 1}


def test_a_key_that_flooded_works_again_on_the_next_day(directory, narrow, monkeypatch) -> None:
    scenes.begin(directory)
    _flood(directory, Kind.START, KEY)
    tomorrow = f"{int(held.day()) + 1}"
    monkeypatch.setattr(held, "day", lambda: tomorrow)
    scenes.append(directory, b'{"start":2}\n', kind=Kind.START, key=KEY)
    assert scenes.told(directory)[-1] == {"start": 2}


def test_a_key_among_others_is_charged_for_about_what_it_wrote(directory, monkeypatch) -> None:
    monkeypatch.setattr(notes, "CHARGE", 1000)
    chance = random.Random(20)
    scenes.begin(directory)
    for _ in range(300):
        scenes.append(
            directory, b'{"pad":"%s"}\n' % (b"x" * chance.randrange(100, 900)),
            kind=Kind.START, key=chance.choices((KEY, OTHER), (1, 3))[0],
        )
    charged = {key: b.charged for key, b in scenes.notes(directory).buckets.items()}
    assert 0.15 < charged[KEY] / sum(charged.values()) < 0.35
    assert sum(charged.values()) == pytest.approx(_logged(directory), rel=0.02)


def test_bounds_have_the_documented_values() -> None:
    found = flood.REFUSALS, flood.DAY_BYTES, flood.KEY_DAY_BYTES
    assert found == (30, 256 << 20, 32 << 20)
