"""`export` keeps the counts of a month beside its Parquet file, and `report` reads either."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.audit.engine.counts import path_of
from bpc_ssh_guard.audit.engine.parquet import is_counted
from bpc_ssh_guard.record.sink import Sink
from tests.unit.audit.written import Log
from tests.unit.record import scenes

if TYPE_CHECKING:
    from pathlib import Path


class Exporting:
    """`bpc-ssh-audit` in a folder with one log and no store."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._store = str(folder / "store")
        self._months = str(folder / "months")
        self._capsys = capsys
        self.log = Log(folder / "client")
        sink = Sink.open(self.log.log, self.log.state)
        for line in scenes.every_line(scenes.session()):
            sink.append(line)
        sink.close()

    def export(self, *options: str) -> list[dict[str, object]]:
        """Return what is said of an export to the months' folder."""
        assert self._run("export", "--format", "parquet", "--to", self._months, *options,
                         os.fsdecode(self.log.log)) == exits.YES
        return [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]

    def report(self, *paths: str) -> dict[str, object]:
        """Return the report over PATHS."""
        assert self._run("report", "--no-verify", "--json", "--period", "2000..2100",
                         *paths) == exits.YES
        told: dict[str, object] = json.loads(self._capsys.readouterr().out)
        del told["made"]
        return told

    def _run(self, command: str, *words: str) -> int:
        return main(["audit", command, "--store", self._store, *words])


@pytest.fixture
def exporting(tmp_path: Path, capsys) -> Exporting:
    return Exporting(tmp_path, capsys)


def test_a_report_of_a_month_is_the_same_with_and_without_its_counts(exporting) -> None:
    paths = [str(each["file"]) for each in exporting.export()]
    assert paths
    assert all(map(is_counted, paths))
    told = exporting.report(*paths)
    for path in paths:
        os.unlink(path_of(path))
    assert exporting.report(*paths) == told
    assert exporting.report(os.fsdecode(exporting.log.log)) == told
    assert told["keys"]


def test_counts_that_were_deleted_are_written_again_and_the_records_are_not(exporting) -> None:
    paths = [str(each["file"]) for each in exporting.export()]
    before = [os.stat(path).st_mtime_ns for path in paths]
    shutil.rmtree(os.path.dirname(path_of(paths[0])))
    would = exporting.export("--dry-run")
    assert would == [{"counts": path_of(path)} for path in paths]
    assert not any(map(is_counted, paths))
    assert exporting.export() == would
    assert all(map(is_counted, paths))
    assert [os.stat(path).st_mtime_ns for path in paths] == before
    assert exporting.export() == []


def test_a_month_that_has_grown_has_new_counts(exporting) -> None:
    paths = {str(each["file"]) for each in exporting.export()}
    exporting.log.append()
    again = [str(each["file"]) for each in exporting.export()]
    assert again
    files = sorted(paths | set(again))
    assert all(map(is_counted, files))
    assert exporting.report(*files) == exporting.report(os.fsdecode(exporting.log.log))
