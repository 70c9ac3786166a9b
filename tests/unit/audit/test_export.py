"""Exports for other programs: complete, of their form, and with nothing of a stranger that acts."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.audit.table import cell
from bpc_ssh_guard.record.sink import Sink
from tests.unit.record import scenes

from .written import Log

if TYPE_CHECKING:
    from pathlib import Path

FORMULA = b"=HYPERLINK(\"http://192.0.2.1\")"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log(tmp_path / "client")
    sink = Sink.open(log.log, log.state)
    for line in scenes.every_line(scenes.session()):
        sink.append(line)
    for command in (FORMULA, b"\x1b[2J \xe2\x80\xae </script> \xff", b"@x", b"-1+1"):
        sink.append(scenes.denied(scenes.session(), command=command))
    sink.close()
    return log


def exported(log: Log, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    folder = os.fsdecode(log.log)
    assert main(["audit", "export", "--store", "/nonexistent", *words, folder]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.replace("\n", "").isprintable()
    return out


def test_jsonl_is_the_log_itself(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(log, capsys).encode("ascii") == b"".join(log.lines())


def test_csv_has_every_record_and_field_and_no_formula(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(log, capsys, "--format", "csv"))))
    records = [json.loads(line) for line in log.lines()]
    assert len(rows) == len(records)
    assert set(rows[0]) == {name for record in records for name in record}
    for row in rows:
        numbers = {"event.duration", "bpc.deny.offset"}
        assert all(value[:1] not in "=+-@" for name, value in row.items()
                   if value and name not in numbers)
    assert "'" + FORMULA.decode() in [row["process.command_line"] for row in rows]


@given(st.text(max_size=30))
def test_a_cell_is_inert_whatever_it_holds(text: str) -> None:
    shown = cell(text)
    assert shown.isascii()
    assert not shown or shown.isprintable()
    assert shown[:1] not in tuple("=+-@")


def test_ocsf_maps_each_record_and_carries_its_line(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    events: list[dict[str, Any]] = [
        json.loads(line) for line in exported(log, capsys, "--format", "ocsf").splitlines()
    ]
    lines = [line.decode("ascii").rstrip("\n") for line in log.lines()]
    assert [event["raw_data"] for event in events] == lines
    for event, line in zip(events, lines):
        record = json.loads(line)
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["metadata"]["uid"] == f"{log.begun.chain.hex()}:{record['event.sequence']}"
        assert event["attestation_list"][0]["fingerprint"]["value"] == record["h"]
        command = record["event.action"].startswith("command-")
        assert event["class_uid"] == (1007 if command else 0)
        if record["event.action"] == "command-denied":
            assert (event["action_id"], event["status_id"]) == (2, 2)
            assert event["status_code"] == record["event.code"]
        if record["event.action"] == "command-ended":
            assert event["activity_id"] == 2
            assert event["duration"] == record["event.duration"] // 1_000_000
    started = next(event for event in events if event.get("process", {}).get("cmd_line"))
    assert started["time"] % 1000 == int(json.loads(started["raw_data"])["@timestamp"][20:23])


def test_only_what_was_asked_for_is_exported(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(log, capsys, "--action", "command-denied")
    assert len(out.splitlines()) == 5
