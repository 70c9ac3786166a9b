"""Counts beside a Parquet file give the answers of its records, or are not read."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any, Callable

import duckdb
import pytest

from bpc_ssh_guard.audit.engine import counts
from bpc_ssh_guard.audit.engine.columns import NUMBER
from bpc_ssh_guard.audit.engine.duck import Engine, EngineError, meaning
from bpc_ssh_guard.audit.engine.parquet import convert, count, is_counted
from bpc_ssh_guard.audit.engine.period import Period
from bpc_ssh_guard.audit.engine.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .conftest import Written

PERIODS = [Period("2026-10-01", "2026-10-31"), Period("2026-10-05", "2026-10-20"),
           Period("2026-10-12", "2026-10-12"), Period("2026-09-01", "2026-10-03"),
           Period("2026-10-28", "2027-12-31"), Period("2025-01-01", "2025-12-31")]
MONTHS = "first", "second"
STARTED = "2026-10-31T23:50:00.000000Z"
ENDED = "2026-11-01T00:10:00.000000Z"
LARGE = (1 << 62) + 1  # no sum of such is one of floating point


def _answers(files: Sequence[str], scratch: object, period: Period) -> dict[str, Any]:
    with Engine(files, str(scratch)) as engine:
        engine.read()
        told = summarize(engine, period, asked=period.until).as_json()
        told["said"] = engine.days(), engine.machines()
    del told["made"]
    return told


def _converted(files: Sequence[str], path: Path) -> str:
    """Convert FILES to PATH, with counts; return it."""
    path.parent.mkdir(exist_ok=True)
    convert(files, str(path))
    assert is_counted(str(path))
    return str(path)


def _without(path: str) -> str:
    """Return a file of the same records as the one at PATH, without counts."""
    folder, name = os.path.split(path)
    other = os.path.join(folder, f"bare-{name}")
    shutil.copy(path, other)
    return other


@pytest.fixture(scope="module")
def parts(written: Written, tmp_path_factory) -> list[list[str]]:
    """The lines of each machine, cut in three; many restores end behind a cut."""
    folder = tmp_path_factory.mktemp("parts")
    found = []
    for number, name in enumerate(written.files):
        with open(name, encoding="ascii") as file:
            lines = file.readlines()
        starts = [at for at, line in enumerate(lines, 1)
                  if '"command-started"' in line and '"bpc.op":"restore"' in line]
        cuts = [0, *(starts[:1] or [300]), *(starts[-1:] or [600]), len(lines)]
        found.append([str(folder / f"{number}-{at}.jsonl") for at in range(3)])
        for path, first, end in zip(found[-1], cuts, cuts[1:]):
            with open(path, "w", encoding="ascii") as file:
                file.writelines(lines[first:end])
    return found


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_answers_from_counts_are_those_from_records(
    period: Period, parts, written: Written, tmp_path
) -> None:
    counted = [_converted([name], tmp_path / f"{machine}-{number}.parquet")
               for machine, names in enumerate(parts) for number, name in enumerate(names)]
    bare = [_without(path) for path in counted]
    lines = [name for names in parts for name in names]
    expected = _answers(written.files, tmp_path / "s", period)
    assert _answers(counted, tmp_path / "s", period) == expected
    assert _answers(bare, tmp_path / "s", period) == expected
    for turn in range(3):  # each part of each machine in each form, beside the two others
        mixed = [(counted, bare, lines)[(number + number // 3 + turn) % 3][number]
                 for number in range(len(lines))]
        assert _answers(mixed, tmp_path / "s", period) == expected
        assert _answers(mixed[::-1], tmp_path / "s", period) == expected


def test_the_periods_have_something_to_answer(written: Written, tmp_path) -> None:
    told = _answers(written.files, tmp_path / "s", PERIODS[1])
    assert all(told[name] for name in ("days", "refusals", "hosts", "keys", "shapes", "restores",
                                       "grants"))


def _record(number: int, when: str, action: str, **members: object) -> str:
    return json.dumps({
        "event.sequence": number, "@timestamp": when, "event.action": action,
        "host.name": "web1", "bpc.key.label": "web1-restore", "bpc.key.id": "ab" * 16,
        **members,
    }) + "\n"


def _two_months(folder: Path) -> list[str]:
    """Write a restore that starts in one month and ends in the next, as segments of both."""
    run, other = ({"process.entity_id": byte * 16} for byte in ("cd", "ef"))
    ended = {"process.exit_code": 23, "event.duration": 7}
    months = [
        [_record(0, STARTED, "command-started", **{"bpc.op": "restore"}, **run)],
        [_record(1, ENDED, "command-ended", **ended, **run),
         _record(2, ENDED, "command-started", **{"bpc.op": "backup"}, **other),
         _record(3, ENDED, "command-ended", **ended, **other)],
    ]
    paths = [str(folder / f"commands-{name}.jsonl") for name in MONTHS]
    for path, lines in zip(paths, months):
        with open(path, "w", encoding="ascii") as file:
            file.writelines(lines)
    return paths


@pytest.mark.parametrize("counted", [(), ("first",), ("second",), MONTHS],
                         ids=lambda names: "-".join(names) or "none")
def test_a_restore_ends_in_the_month_after_whichever_months_have_counts(
    counted: tuple[str, ...], tmp_path
) -> None:
    files = [_converted([segment], tmp_path / f"{name}.parquet")
             for name, segment in zip(MONTHS, _two_months(tmp_path))]
    for name, path in zip(MONTHS, files):
        if name not in counted:
            os.unlink(counts.path_of(path))
    [restore] = _answers(files, tmp_path / "s", Period("2026-10-01", "2026-10-31"))["restores"]
    assert (restore["start_time"], restore["status"], restore["duration_ns"]) == (STARTED, 23, 7)


def test_ends_of_what_began_in_the_same_month_as_no_restore_are_left_out(tmp_path) -> None:
    path = _converted(_two_months(tmp_path), tmp_path / "months.parquet")
    rows = duckdb.execute(
        """SELECT "event.action", "process.entity_id" FROM read_parquet(?)"""
        " WHERE part = 'notable' ORDER BY ALL", [_payload(path, tmp_path)]).fetchall()
    assert rows == [("command-ended", "cd" * 16), ("command-started", "cd" * 16)]


def _payload(path: str, folder: Path) -> str:
    """Return a copy in FOLDER of what the counts of the file at PATH hold."""
    return counts.believed([path], meaning(), str(folder))[path]


def test_odd_records_are_told_from_counts_as_from_records(tmp_path) -> None:
    """No guard writes them; a client's root may."""
    runs = [{"process.entity_id": byte * 16} for byte in ("ab", "cd", "ef", "01")]
    start = {"bpc.op": "restore"}
    lines = [
        _record(0, ENDED, "command-started", **start, **runs[0]),
        _record(1, ENDED, "command-started", **{"bpc.op": "backup"}, **runs[0]),
        _record(2, ENDED, "command-ended", **runs[0]),
        _record(3, ENDED, "command-ended", **{**runs[0], "process.exit_code": 2}),
        _record(4, ENDED, "command-started", **start, **{**runs[1], "bpc.key.label": None}),
        _record(5, ENDED, "command-ended", **{**runs[1], "bpc.key.label": None}),
        _record(6, ENDED, "command-started", **start, **runs[2]),
        _record(7, ENDED, "command-ended", **{**runs[2], "bpc.key.label": "never-restored"}),
        _record(8, ENDED, "command-started", **start),
        _record(9, ENDED, "command-ended"),
        _record(10, ENDED, "command-started", **start, **runs[3]),
        _record(11, ENDED, "command-ended", **{**runs[3], "host.name": "web2"}),
        _record(12, ENDED, "grant-closed", **{"bpc.key.label": None}),
    ]
    segment = tmp_path / "commands-0.jsonl"
    segment.write_text("".join(lines))
    period = Period("2026-11-01", "2026-11-01")
    expected = _answers([str(segment)], tmp_path / "s", period)
    counted = _converted([str(segment)], tmp_path / "odd.parquet")
    for path in (counted, _without(counted)):
        found = _answers([path], tmp_path / "s", period)
        for told in (found, expected):  # several are of one time
            told["restores"].sort(key=str)
        assert found == expected
    assert [row["status"] for row in expected["restores"]].count(2) == 1
    assert len(expected["restores"]) == 5
    assert expected["grants"] == []


def test_sums_are_exact_however_large(tmp_path) -> None:
    segment = tmp_path / "commands-0.jsonl"
    segment.write_text("".join(
        _record(number, ENDED, "command-ended", **{
            "bpc.io.read_bytes": LARGE, "bpc.io.write_bytes": LARGE, "event.duration": LARGE,
        }) for number in range(3)))
    path = _converted([str(segment)], tmp_path / "sums.parquet")
    [day] = _answers([path], tmp_path / "s", Period("2026-11-01", "2026-11-30"))["days"]
    assert (day["read_bytes"], day["write_bytes"], day["duration_ns"]) == (3 * LARGE,) * 3
    kinds = duckdb.execute("SELECT typeof(COLUMNS(*)) FROM read_parquet(?)",
                           [_payload(path, tmp_path)]).fetchone()
    assert NUMBER in kinds
    assert "DOUBLE" not in kinds


# What may have become of counts, or of the file that they are of: none of it is to be believed.
def _deleted(path: str) -> None:
    os.unlink(counts.path_of(path))


def _empty(path: str) -> None:
    os.truncate(counts.path_of(path), 0)


def _shorter_than_a_hash(path: str) -> None:
    os.truncate(counts.path_of(path), 31)


def _cut(path: str) -> None:
    os.truncate(counts.path_of(path), os.path.getsize(counts.path_of(path)) - 1)


def _without_hash(path: str) -> None:
    os.truncate(counts.path_of(path), os.path.getsize(counts.path_of(path)) - 32)


def _longer(path: str) -> None:
    with open(counts.path_of(path), "ab") as file:
        file.write(b"\0")


def _flip(path: str, at: int) -> None:
    with open(counts.path_of(path), "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def _flipped_hash(path: str) -> None:
    _flip(path, os.path.getsize(counts.path_of(path)) - 1)


def _flipped_data(path: str) -> None:
    _flip(path, os.path.getsize(counts.path_of(path)) // 2)


def _folder(path: str) -> None:
    os.unlink(counts.path_of(path))
    os.mkdir(counts.path_of(path))


def _touched(path: str) -> None:
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def _another_size(path: str) -> None:
    """Write it again, and leave it its time."""
    status = os.stat(path)
    duckdb.execute(f"COPY (FROM '{path}') TO '{path}.new' (FORMAT parquet, COMPRESSION zstd)")
    os.replace(f"{path}.new", path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _another_meaning(path: str) -> None:
    with open(f"{path}.made", "wb") as file:
        assert counts.take(path, meaning(), file)
    counts.put(f"{path}.made", path, counts.stamp(path, meaning() + " "))


def _of_another_file(path: str) -> None:
    other = _without(path)
    os.utime(other, ns=(1, 1))
    count(other)
    os.replace(counts.path_of(other), counts.path_of(path))


@pytest.mark.parametrize("became", [
    _deleted, _empty, _shorter_than_a_hash, _cut, _without_hash, _longer, _flipped_hash,
    _flipped_data, _folder, _touched, _another_size, _another_meaning, _of_another_file,
], ids=lambda became: became.__name__.lstrip("_"))
def test_counts_that_are_not_to_be_believed_are_not_read(
    became: Callable[[str], None], written: Written, tmp_path
) -> None:
    path = _converted(written.files, tmp_path / "months.parquet")
    expected = _answers([path], tmp_path / "s", PERIODS[1])
    became(path)
    assert not is_counted(path)
    assert counts.believed([path], meaning(), str(tmp_path / "s")) == {}
    assert _answers([path], tmp_path / "s", PERIODS[1]) == expected


def test_believed_counts_are_read_and_the_records_are_not(written: Written, tmp_path) -> None:
    """Else all that is tested here would be of records."""
    path = _converted(written.files[:1], tmp_path / "months.parquet")
    expected = _answers([path], tmp_path / "s", PERIODS[1])
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.write(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert _answers([path], tmp_path / "s", PERIODS[1]) == expected
    _deleted(path)
    with pytest.raises(EngineError):
        _answers([path], tmp_path / "s", PERIODS[1])


def test_counts_are_put_in_place_at_once_and_leave_nothing_else(written: Written, tmp_path) -> None:
    folder = tmp_path / "months"
    path = _converted(written.files[:1], folder / "2026-10.parquet")
    there = [".counts", "2026-10.parquet"]
    assert (sorted(os.listdir(folder)), os.listdir(folder / ".counts")) == (there, ["2026-10"])
    _empty(path)
    count(path)
    assert is_counted(path)
    assert (sorted(os.listdir(folder)), os.listdir(folder / ".counts")) == (there, ["2026-10"])


def test_who_reads_all_files_beside_the_parquet_file_reads_no_counts(
    written: Written, tmp_path
) -> None:
    path = _converted(written.files[:1], tmp_path / "months" / "2026-10.parquet")
    number = "SELECT count(*) FROM read_parquet(?)"
    expected = duckdb.execute(number, [path]).fetchall()
    for pattern in ("months/*", "months/*.parquet", "**/*.parquet"):
        assert duckdb.execute(number, [f"{tmp_path}/{pattern}"]).fetchall() == expected
    with pytest.raises(duckdb.Error):
        duckdb.execute(number, [counts.path_of(path)])


def test_of_a_file_that_is_gone_there_are_no_counts(written: Written, tmp_path) -> None:
    path = _converted(written.files[:1], tmp_path / "gone.parquet")
    os.unlink(path)
    with pytest.raises(EngineError, match="gone"):
        _answers([path], tmp_path / "s", PERIODS[1])
