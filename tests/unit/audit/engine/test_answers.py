"""The engine's answers are those that a plain loop over the records gives."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.audit.engine.duck import Engine, EngineError
from bpc_ssh_guard.audit.engine.parquet import convert
from bpc_ssh_guard.audit.engine.period import Period
from bpc_ssh_guard.audit.engine.summary import Summary, summarize
from tests.unit.record.scenes import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conftest import Written

PERIOD = Period("2026-10-05", "2026-10-20")


def _summary(files: Sequence[str], scratch: object, period: Period = PERIOD) -> Summary:
    with Engine(list(files), str(scratch)) as engine:
        engine.read()
        return summarize(engine, period)


@pytest.fixture(params=["jsonl", "gzip", "parquet", "both"])
def files(request, written: Written, tmp_path) -> list[str]:
    """The fleet in each form in which its records may lie."""
    if request.param == "jsonl":
        return written.files
    if request.param == "gzip":
        packed = [str(tmp_path / f"{n}.jsonl.gz") for n in range(len(written.files))]
        for name, path in zip(written.files, packed):
            with open(name, "rb") as plain, gzip.open(path, "wb") as file:
                shutil.copyfileobj(plain, file)
        return packed
    half = len(written.files) // 2 if request.param == "both" else len(written.files)
    path = str(tmp_path / "months.parquet")
    convert(written.files[:half], path)
    return [path, *written.files[half:]]


def _in_period(written: Written, action: str) -> list[dict[str, object]]:
    return [
        record for record in written.records
        if record["event.action"] == action
        and PERIOD.since <= str(record["@timestamp"])[:10] <= PERIOD.until
    ]


def test_counts_are_those_of_the_records(files, written: Written, tmp_path) -> None:
    summary = _summary(files, tmp_path / "scratch")
    started, ended = (_in_period(written, f"command-{what}") for what in ("started", "ended"))
    assert summary.total("allowed") == len(started)
    assert summary.total("failed") == sum(r["event.outcome"] == "failure" for r in ended)
    for total, field in (("read_bytes", "bpc.io.read_bytes"), ("duration_ns", "event.duration")):
        assert summary.total(total) == sum(r[field] for r in ended)
    refused = Counter((r["event.code"], r["host.name"], r["bpc.key.label"])
                      for r in _in_period(written, "command-denied"))
    told = {(r["code"], r["host"], r["label"]): r["refused"] for r in summary.refusals}
    assert told == dict(refused)
    assert refused


def test_restores_come_with_grant_and_end(files, written: Written, tmp_path) -> None:
    summary = _summary(files, tmp_path / "scratch")
    ends = {r["process.entity_id"]: r for r in written.records
            if r["event.action"] == "command-ended"}
    expected = sorted(
        (r["@timestamp"], r["host.name"], r["bpc.grant.id"], tuple(r["bpc.paths"]),
         ends[r["process.entity_id"]]["process.exit_code"])
        for r in _in_period(written, "command-started") if r["bpc.op"] == "restore"
    )
    told = sorted((r["start_time"], r["host"], r["grant_id"], tuple(r["paths"]), r["status"])
                  for r in summary.restores)
    assert expected
    assert told == expected
    assert len(summary.grants) == len(_in_period(written, "grant-opened"))


def test_keys_are_told_with_their_uses(files, written: Written, tmp_path) -> None:
    summary = _summary(files, tmp_path / "scratch")
    last: dict[object, str] = {}
    for record in written.records:
        if (record["event.action"] in ("command-started", "command-denied")
                and record["@timestamp"][:10] <= PERIOD.until):
            last[record["bpc.key.id"]] = max(last.get(record["bpc.key.id"], ""),
                                             record["@timestamp"])
    assert {row["key_id"]: row["last_time"] for row in summary.keys} == last


def _shapes_by_loop(records: Sequence[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    began: dict[tuple, dict[str, str]] = {}
    runs: Counter = Counter()
    for record in records:
        if record["event.action"] == "command-started":
            shape = record["rule.id"], tuple(record["bpc.features"]), tuple(record["bpc.paths"])
            host, when = record["host.name"], record["@timestamp"]
            of_shape = began.setdefault(shape, {})
            of_shape[host] = min(of_shape.get(host, when), when)
            runs[shape, host] += 1
    rows = []
    for (rule, features, paths), hosts in began.items():
        fresh = {host: when for host, when in hosts.items()
                 if period.since <= when[:10] <= period.until}
        before = [when for when in hosts.values() if when[:10] < period.since]
        if fresh:
            host = min(fresh, key=lambda name: (fresh[name], name))
            rows.append({
                "rule": rule, "features": list(features), "paths": list(paths), "host": host,
                "first_time": fresh[host], "hosts": len(fresh),
                "runs": sum(runs[(rule, features, paths), name] for name in fresh),
                "known_since": min(before, default=None),
            })
    return sorted(rows, key=lambda row: (row["known_since"] is not None, row["first_time"]))


@pytest.mark.parametrize("period", [
    PERIOD, Period("2026-10-01", "2026-10-01"), Period("2026-10-02", "2026-10-04"),
], ids=str)
def test_new_kinds_of_command_are_told_by_shape_with_the_machines_that_are_new_to_them(
    period: Period, files, written: Written, tmp_path
) -> None:
    expected = _shapes_by_loop(written.records, period)
    told = _summary(files, tmp_path / "scratch", period).shapes
    assert expected
    assert sorted(told, key=lambda row: (row["known_since"] is not None, row["first_time"])) == (
        expected)
    unknown = [row["known_since"] is not None for row in told]
    assert unknown == sorted(unknown)


def test_what_is_new_is_new_in_the_period_and_not_only_there(written: Written, tmp_path) -> None:
    """An address or a kind of command that was there before is not new."""
    with open(written.files[0], encoding="ascii") as file:
        line = next(line for line in file if '"command-started"' in line and "/etc/" in line)
    fresh = tmp_path / "later.jsonl"
    fresh.write_text(
        line.replace("2026-10-0", "2026-10-1").replace("/etc/", "/new/place/")
        .replace('"source.ip":"192.0.2.', '"source.ip":"198.51.100.')
    )
    known = _summary(written.files, tmp_path / "one")
    assert known.addresses == []
    assert all(row["known_since"] for row in known.shapes)
    later = _summary([*written.files, str(fresh)], tmp_path / "two")
    assert [row["address"][:11] for row in later.addresses] == ["198.51.100."]
    assert [row["paths"] for row in later.shapes if not row["known_since"]] == [["/new/place/"]]
    assert later.shapes[1:] == known.shapes


def test_a_new_machine_with_usual_commands_runs_none_that_the_fleet_did_not_know(
    written: Written, tmp_path
) -> None:
    with open(written.files[0], encoding="ascii") as file:
        lines = [line for line in file if PERIOD.since <= json.loads(line)["@timestamp"][:10]]
    fresh = tmp_path / "new.jsonl"
    fresh.write_text("".join(lines).replace("web0000", "new"))
    rows = _summary([*written.files, str(fresh)], tmp_path / "scratch").shapes
    assert len(rows) > 5
    assert all(row["known_since"] < PERIOD.since for row in rows)
    assert {row["host"] for row in rows if row["paths"] == ["/etc/"]} == {"new"}


def test_a_new_address_is_of_the_key_that_logged_in_and_not_of_the_one_it_changed(
    written: Written, tmp_path
) -> None:
    with open(written.files[0], encoding="ascii") as file:
        line = next(line for line in file if '"command-started"' in line)
    record = {**json.loads(line), "event.action": "key-staged", "bpc.rotation.label": "rotate",
              "bpc.rotation.id": "ab" * 16}
    path = tmp_path / "rotated.jsonl"
    path.write_text("".join(
        json.dumps({**record, "@timestamp": f"2026-10-{day}T02:00:00.000000Z",
                    "source.ip": f"198.51.100.{day}"}) + "\n" for day in ("06", "07")))
    found = _summary([*written.files, str(path)], tmp_path / "scratch")
    assert [(row["label"], row["address"]) for row in found.addresses] == [
        ("rotate", "198.51.100.07")]


def test_machines_that_fell_silent_or_never_spoke_are_told(written: Written, tmp_path) -> None:
    with Engine(written.files, str(tmp_path)) as engine:
        engine.read()
        summary = summarize(engine, Period("2026-10-05", "2026-11-20"), ["web0000", "lost"],
                            asked="2026-11-20")
    assert [row["host"] for row in summary.silent] == [
        "lost", *sorted((f"web000{n}" for n in range(4)), key=lambda name: max(
            r["@timestamp"] for r in written.records if r["host.name"] == name))]


def test_a_period_that_is_not_over_calls_no_machine_silent_that_was_heard_today(
    written: Written, tmp_path
) -> None:
    last = min(max(r["@timestamp"] for r in written.records if r["host.name"] == f"web000{n}")
               for n in range(4))[:10]
    with Engine(written.files, str(tmp_path)) as engine:
        engine.read()
        assert summarize(engine, Period("2026-10-01", "2026-12-31"), asked=last).silent == []
        now = summarize(engine, Period("2020-01-01", "9000-12-31"))
        assert now.asked == now.made[:10]


def test_a_machine_that_came_after_the_period_is_not_called_silent(
    written: Written, tmp_path
) -> None:
    with Engine(written.files, str(tmp_path)) as engine:
        engine.read()
        assert summarize(engine, Period("2025-01-01", "2025-12-31"), ["web0000"]).silent == []


HOSTILE = (
    b"not a record\n", b"{\n", b'{"event.sequence":"x","@timestamp":[]}\n', b"\xff\xfe\0\n",
    b"[" * 5000 + b"\n", b'{"event.sequence":1}\n', b"null\n", b'"' + b"x" * 200_000 + b'"\n',
    b'{"event.sequence":99,"@timestamp":"2026-10-06T","event.action":"\\udcff"}\n',
)


@pytest.mark.parametrize("junk", HOSTILE, ids=range(len(HOSTILE)))
def test_one_hostile_line_blinds_no_report(junk: bytes, written: Written, tmp_path) -> None:
    plain = _summary(written.files[:1], tmp_path / "plain")
    folder = tmp_path / "log"
    folder.mkdir()
    path = folder / os.path.basename(written.files[0])
    with open(written.files[0], "rb") as file:
        lines = file.readlines()
    path.write_bytes(b"".join([*lines[:50], junk, *lines[50:]]))
    summary = _summary([str(path)], tmp_path / "scratch")
    assert summary.total("allowed") == plain.total("allowed")
    assert summary.refusals == plain.refusals


@pytest.mark.parametrize("name", ["a[1]*?.jsonl", "it's.jsonl", "-x;DROP.jsonl"])
def test_a_file_is_read_whatever_its_name(name: str, written: Written, tmp_path) -> None:
    path = tmp_path / name
    shutil.copy(written.files[0], path)
    (tmp_path / "a1xx.jsonl").write_text("not to be matched\n")
    assert _summary([str(path)], tmp_path / "scratch").total("allowed") > 0


READ_AT_LENGTH = """
import sys
from bpc_ssh_guard.audit.engine.duck import Engine
with Engine(sys.argv[2:], sys.argv[1]) as engine:
    engine._run("SET progress_bar_time = 0")  # else it waits for two seconds
    engine.read()
"""


def test_a_long_question_writes_no_bar_among_the_data(written: Written, tmp_path) -> None:
    """DuckDB writes one where Python runs no file."""
    done = subprocess.run([sys.executable, "-c", READ_AT_LENGTH, str(tmp_path), *written.files],
                          capture_output=True, timeout=60, check=True, cwd=CHECKOUT)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_an_empty_log_has_no_days(tmp_path) -> None:
    with Engine([], str(tmp_path)) as engine:
        engine.read()
        assert engine.days() == ("", "")


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(EngineError, match="gone"), Engine([str(tmp_path / "gone.jsonl")],
                                                          str(tmp_path)) as engine:
        engine.read()
