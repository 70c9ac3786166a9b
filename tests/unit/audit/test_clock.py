"""The time of a record is the calendar's, and what is in no calendar is no time."""

from __future__ import annotations

import datetime
import math
import random

import pytest

from bpc_ssh_guard.audit.clock import seconds_of

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(200))
def test_a_stamp_is_as_many_seconds_as_the_calendar_says(seed: int) -> None:
    chance = random.Random(seed)
    passed = datetime.timedelta(microseconds=chance.randrange(-(10**16), 10**17))
    when = EPOCH + passed
    stamp = f"{when:%Y-%m-%dT%H:%M:%S.%fZ}".encode()
    found = seconds_of(stamp)
    assert found is not None
    exact = passed.total_seconds()
    assert abs(found - exact) <= 2 * math.ulp(exact)  # of our time half a microsecond


@pytest.mark.parametrize("stamp", [
    b"2026-02-29T00:00:00.000000Z", b"2026-13-01T00:00:00.000000Z", b"2026-00-01T00:00:00.000000Z",
    b"0000-01-01T00:00:00.000000Z", b"2026-01-01T24:00:00.000000Z", b"2026-01-01T00:60:00.000000Z",
    b"2026-01-01T00:00:0x.000000Z", b"2026-01-01T00:00:00.00000Z", b"2026/01/01T00:00:00.000000Z",
    b"+026-01-01T00:00:00.000000Z", b"20260101 T00:00:00.0000000Z", b"", None,
])
def test_what_is_in_no_calendar_is_no_time(stamp: bytes | None) -> None:
    assert seconds_of(stamp) is None
