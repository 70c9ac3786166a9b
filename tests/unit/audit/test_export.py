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
from bpc_ssh_guard.audit.engine.columns import COLUMNS
from bpc_ssh_guard.audit.table import cell, write
from bpc_ssh_guard.record.sink import Sink
from tests.unit.record import scenes

from .written import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLISHED = os.path.join(scenes.CHECKOUT, "tests", "published", "ocsf.json")
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
    assert set(rows[0]) == {*COLUMNS, "other"}
    for row, record in zip(rows, records):
        assert {name for name, value in row.items() if value} == {
            name for name, value in record.items() if value not in (None, "")}
    for row in rows:
        numbers = {"event.duration", "bpc.deny.offset"}
        assert all(value[:1] not in "=+-@" for name, value in row.items()
                   if value and name not in numbers)
    assert "'" + FORMULA.decode() in [row["process.command_line"] for row in rows]


def test_csv_holds_fields_that_no_page_has_and_writes_each_record_as_it_comes() -> None:
    def one_by_one() -> Iterator[dict[str, Any]]:
        for number in range(3):
            assert file.getvalue().count("\n") == number + 1
            yield {"event.sequence": number, "new.field": ["=1"]}

    file = io.StringIO()
    write(one_by_one(), file)
    file.seek(0)
    assert [json.loads(row["other"]) for row in csv.DictReader(file)] == [{"new.field": ["=1"]}] * 3


@given(st.text(max_size=30))
def test_a_cell_is_inert_whatever_it_holds(text: str) -> None:
    shown = cell(text)
    assert shown.isascii()
    assert not shown or shown.isprintable()
    assert shown[:1] not in tuple("=+-@")


def ocsf(log: Log, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(log, capsys, "--format", "ocsf").splitlines()]


def test_ocsf_maps_each_record_and_carries_its_line(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    events = ocsf(log, capsys)
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
            process = event["process"]
            ran = process["terminated_time"] - process["created_time"]
            assert ran == record["event.duration"] // 1_000_000
        if "source.ip" in record:
            assert event["observables"][0]["value"] == record["source.ip"]
    started = next(event for event in events if event.get("process", {}).get("cmd_line"))
    assert started["time"] % 1000 == int(json.loads(started["raw_data"])["@timestamp"][20:23])


def test_an_ocsf_event_names_the_one_before_it_whatever_was_asked_for(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    events = ocsf(log, capsys)
    attested = [event["attestation_list"][0] for event in events]
    assert "prev_event" not in attested[0]
    for before, event, attestation in zip(events, attested, attested[1:]):
        assert attestation["prev_event"] == {
            "uid": before["metadata"]["uid"], "fingerprint": event["fingerprint"],
        }
    out = exported(log, capsys, "--format", "ocsf", "--action", "command-denied")
    denied = {json.loads(line)["metadata"]["uid"]: json.loads(line) for line in out.splitlines()}
    assert all(denied[event["metadata"]["uid"]] == event for event in events
               if event.get("action_id") == 2)


OCSF_NUMBERS = ("integer_t", "long_t", "timestamp_t", "port_t")


def unpublished(value: dict[str, Any], known: dict[str, Any], objects: dict[str, Any],
                place: str) -> Iterator[str]:
    """Yield what is in VALUE at PLACE, and not as KNOWN, its class or object, and OBJECTS allow."""
    for name, (_, need, *_rest) in known.items():
        if need == "required" and name not in value:
            yield f"{place}: {name} is missing"
    for name, found in value.items():
        if name not in known:
            yield f"{place}: {name} is unknown"
            continue
        kind, _, *allowed = known[name]
        if isinstance(found, list) != kind.endswith("[]"):
            yield f"{place}: {name} is not {kind}"
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, dict):
                if name != "unmapped":
                    yield from unpublished(each, objects[kind.removesuffix("[]")], objects, name)
            elif isinstance(each, int) != (kind in OCSF_NUMBERS):
                yield f"{place}: {name} is no {kind}"
            elif allowed and each not in allowed[0]:
                yield f"{place}: {name} is none of {allowed[0]}"


def test_ocsf_events_are_of_the_published_schema(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(PUBLISHED, encoding="ascii") as file:
        published = json.load(file)
    session = scenes.session()
    sink = Sink.open(log.log, log.state)
    for line in (*scenes.grant_lines(), *scenes.key_lines(session)):
        sink.append(line)
    sink.close()
    wrong = [
        text for event in ocsf(log, capsys) for text in unpublished(
            event, published["classes"][str(event["class_uid"])], published["objects"], "event")
    ]
    assert wrong == []


def test_only_what_was_asked_for_is_exported(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(log, capsys, "--action", "command-denied")
    assert len(out.splitlines()) == 5
