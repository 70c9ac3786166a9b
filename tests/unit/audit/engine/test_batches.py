"""What is asked of many batches, or of segments and Parquet files, is answered as of one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from bpc_ssh_guard.audit.engine.batches import BATCH_BYTES
from bpc_ssh_guard.audit.engine.duck import Engine
from bpc_ssh_guard.audit.engine.parquet import convert
from bpc_ssh_guard.audit.engine.period import Period
from bpc_ssh_guard.audit.engine.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conftest import Written

PERIOD = Period("2026-10-05", "2026-10-20")
EVERY_FILE = 1  # byte: no two files are in one batch


def _answers(files: Sequence[str], scratch: object, size: int = BATCH_BYTES) -> dict[str, Any]:
    with Engine(files, str(scratch), batch_bytes=size) as engine:
        engine.read()
        told = summarize(engine, PERIOD, asked=PERIOD.until).as_json()
    del told["made"]
    return told


@pytest.fixture
def pieces(written: Written, tmp_path) -> list[str]:
    """The fleet's segments, cut behind the start of each restore."""
    found = []
    for name in written.files:
        with open(name, encoding="ascii") as file:
            lines = file.readlines()
        starts = [number for number, line in enumerate(lines, 1)
                  if '"command-started"' in line and '"bpc.op":"restore"' in line]
        folder = tmp_path / name.split(os.sep)[-3]
        folder.mkdir()
        for first, end in zip([0, *starts], [*starts, len(lines)]):
            piece = folder / f"commands-{first:020}.jsonl"
            piece.write_text("".join(lines[first:end]))
            found.append(str(piece))
    assert len(found) > len(written.files)
    return found


def test_many_batches_give_the_answers_of_one(pieces, written: Written, tmp_path) -> None:
    whole = _answers(written.files, tmp_path / "whole")
    assert whole["restores"]
    assert all(row["status"] is not None for row in whole["restores"])
    assert _answers(pieces, tmp_path / "one") == whole
    assert _answers(pieces, tmp_path / "many", EVERY_FILE) == whole
    assert _answers(pieces[::-1], tmp_path / "backwards", EVERY_FILE) == whole


@pytest.mark.parametrize("packed", [0, 1], ids=["first", "second"])
def test_a_restore_may_start_in_a_segment_and_end_in_a_parquet_file_or_the_other_way_round(
    packed: int, pieces, written: Written, tmp_path
) -> None:
    parts = pieces[::2], pieces[1::2]
    path = str(tmp_path / "part.parquet")
    convert(parts[packed], path)
    found = _answers([path, *parts[1 - packed]], tmp_path / "mixed", EVERY_FILE)
    assert found == _answers(written.files, tmp_path / "whole")


def test_rows_without_a_time_or_a_number_are_no_records(written: Written, tmp_path) -> None:
    """A Parquet file need not be of ours."""
    ours, strange = str(tmp_path / "ours.parquet"), str(tmp_path / "strange.parquet")
    convert(written.files, ours)
    without = [f"SELECT * REPLACE (NULL AS \"{name}\") FROM '{ours}'"
               for name in ("@timestamp", "event.sequence")]
    duckdb.execute(f"COPY (SELECT * FROM '{ours}' UNION ALL {' UNION ALL '.join(without)})"
                   f" TO '{strange}'")
    assert _answers([strange], tmp_path / "one") == _answers([ours], tmp_path / "two")


def test_each_step_of_reading_is_told(pieces, tmp_path) -> None:
    path = str(tmp_path / "part.parquet")
    convert(pieces[:1], path)
    told: list[list[str]] = []

    def over(steps):
        for step in steps:
            yield step
            told.append(step)

    with Engine([path, *pieces[1:]], str(tmp_path / "scratch"), batch_bytes=EVERY_FILE) as engine:
        engine.read(over)
        assert told == engine.steps
    assert sorted(name for step in told for name in step) == sorted([path, *pieces[1:]])
