"""Spark gives every field of every record as it was written, and nothing of a torn piece."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.audit.engine.columns import COLUMNS, NUMBER, TEXT, TRUTH
from bpc_ssh_guard.record import seal
from tests.unit.audit.test_lying_records import lines, lying
from tests.unit.record import scenes
from tests.unit.record.test_vector import VECTOR

from . import spark as engine
from .spark import CORRUPT, load, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.engines

LARGEST = 2**63 - 1
HOSTILE = (
    b"\x1b[2J\x1b]0;title\x07", "\u202eevil\u2066\u2028\x85".encode(), b"'\"`\\ \"}{\\u0000",
    b"a\r\nb\x00c", b"\xff\x80" * 3000, b"\xed\xb2\x80", "\U0001f600".encode() * 2000,
    b"x" * 5000, b"",
)
CERTIFIED = {
    "ssh.key.fingerprint": "SHA256:x", "ssh.key.type": "ssh-ed25519", "ssh.key.source": "authinfo",
    "ssh.cert.id": "web1 \u202e", "ssh.cert.serial": str(2**64 - 1),
    "ssh.cert.ca_fingerprint": "SHA256:y",
}
WHOLE = "`event.sequence` IS NOT NULL AND `@timestamp` IS NOT NULL"


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> Iterator[SparkSession]:
    with engine.session(str(tmp_path_factory.mktemp("spark"))) as session:
        yield session


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> str:
    """Return the folder of a log that guards sealed, with every field and hostile content."""
    directory = os.fsencode(tmp_path_factory.mktemp("log") / "log")
    scenes.begin(directory)
    session = scenes.session()
    by_certificate = session.of_key(scenes.LABEL, scenes.KEY_ID, list(CERTIFIED.items()))
    scenes.append(
        directory, *lines(), *scenes.every_line(by_certificate),
        *(scenes.denied(session, command=text, detail=repr(text)) for text in HOSTILE),
        *(scenes.started(session, command=text, argv=[text] * 70, paths=[text])
          for text in HOSTILE),
        scenes.ended(session, duration_ns=LARGEST, read_bytes=2**53 + 1, write_bytes=None),
    )
    return os.fsdecode(directory)


def test_every_field_arrives_as_it_was_written(spark, log) -> None:
    written = _told(scenes.log_lines(os.fsencode(log)))
    assert set().union(*written) == set(COLUMNS)
    assert rows(load(spark, log)) == written


def test_the_largest_number_of_a_record_arrives(spark, tmp_path) -> None:
    body = seal.prefix(LARGEST) + b'"@timestamp":"2026-11-23T01:59:00.000412Z"'
    line, _ = seal.seal(body, bytes(32), bytes(32))
    (tmp_path / "commands.jsonl").write_bytes(line)
    assert rows(load(spark, str(tmp_path))) == [json.loads(line)]


def test_names_with_dots_are_written_in_backticks(spark, log) -> None:
    load(spark, log).createOrReplaceTempView("records")
    asked = "SELECT `host.name`, `process.args`[0] AS first FROM records WHERE `bpc.op` = 'restore'"
    expected = [
        {"host.name": record["host.name"], "first": record["process.args"][0]}
        for record in _told(scenes.log_lines(os.fsencode(log)))
        if record.get("bpc.op") == "restore"
    ]
    assert expected
    assert rows(spark.sql(asked)) == expected


def test_a_torn_piece_is_a_row_without_values(spark, tmp_path) -> None:
    shutil.copyfile(VECTOR, tmp_path / "commands.jsonl")
    with open(VECTOR, "rb") as file:
        written = file.read().splitlines()
    [torn] = [line for line in written if not line.endswith(b"}")]
    whole = _told(line for line in written if line != torn)
    known = [{name: record[name] for name in record if name in COLUMNS} for record in whole]
    read = load(spark, str(tmp_path), corrupt=True)
    assert rows(read.where(WHOLE)) == known
    assert rows(read.where(f"NOT ({WHOLE})")) == [{CORRUPT: torn.decode("ascii")}]


def test_a_lie_takes_no_row_and_no_other_field_with_it(spark, tmp_path) -> None:
    told = list(lying())
    path = tmp_path / "commands.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in told), encoding="ascii")
    read = rows(load(spark, str(tmp_path), corrupt=True))
    assert len(read) == len(told)
    for row, record in zip(read, told):
        unlike = {name for name in COLUMNS if row.get(name) != record.get(name)}
        assert unlike <= {name for name in record if not _is_of_its_type(name, record[name])}
        lost = {name for name in unlike if name not in row}
        assert (CORRUPT in row) == bool(lost)


def _told(written: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the records in the lines WRITTEN without their nulls."""
    return [
        {name: value for name, value in json.loads(line).items() if value is not None}
        for line in written
    ]


def _is_of_its_type(name: str, value: object) -> bool:
    kind = COLUMNS[name]
    if kind == NUMBER:
        return type(value) is int and abs(value) <= LARGEST
    if kind in (TEXT, TRUTH):
        return type(value) is (str if kind == TEXT else bool)
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
