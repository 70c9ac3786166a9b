"""Who has root can log lies by the log's own keys: whatever stands in a field, no reader fails."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.audit import ocsf, table
from bpc_ssh_guard.audit.query import Query, in_words
from bpc_ssh_guard.audit.replay import replay
from bpc_ssh_guard.audit.usage import usages
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.record.sink import Sink
from tests.unit.record import scenes

from .written import Log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LIES = (None, [1], ["a", None], {"a": [1]}, "zzzz", "", 1.5, -1, 10**30, True, [])
ASKED = Query(["command-denied"], ["not-words"], ["web1-backup"], ["192.0.2.77"], ["/etc"],
              "2026", "2100")
EACH = [Query(**{name: getattr(ASKED, name)}) for name in vars(ASKED)]


def lines() -> list[bytes]:
    session = scenes.session()
    return [*scenes.every_line(session), *scenes.grant_lines(), *scenes.own_lines(),
            *scenes.key_lines(session)]


def lying(lies: Sequence[Any] = LIES) -> Iterator[dict[str, Any]]:
    """Yield every kind of record with each of its fields in turn as each of LIES, or gone."""
    for line in lines():
        record = json.loads(line)
        for name in record:
            yield {key: value for key, value in record.items() if key != name}
            for lie in lies:
                yield {**record, name: lie}


def test_no_field_makes_a_reader_fail() -> None:
    policy = parse(b"Key web1-backup\nBackup /etc\n", b"/policy")
    found = list(lying())
    assert len(found) > 3000
    for record in found:
        assert in_words(record).isprintable()
        for query in (ASKED, *EACH):
            assert query.admits(record) in (True, False)
        for value in record.values():
            assert table.cell(value).isascii()
        json.loads(ocsf.as_line(ocsf.to_ocsf(record, "", ocsf.Link("c"))))
    assert usages(found)
    assert replay(found, policy).same


@pytest.mark.parametrize("stamp", ["zzzz", "9999-12-31T00:00:00.000000Z", "2026-99-99T", ""])
def test_a_time_that_is_none_or_far_off_blinds_no_report(
    stamp: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(tmp_path / "client")
    sink = Sink.open(log.log, log.state)
    for line in scenes.every_line(scenes.session()):
        sink.append(line)
    record = json.loads(scenes.every_line(scenes.session())[0])
    sink.append(json.dumps({**record, "@timestamp": stamp}).encode("ascii") + b"\n")
    sink.close()
    told = main(["audit", "report", "--json", "--no-verify", "--store", str(tmp_path),
                 os.fsdecode(log.log)])
    assert told == exits.YES
    summary = json.loads(capsys.readouterr().out)
    assert sum(row["refused"] for row in summary["days"]) == 1


@pytest.fixture(scope="module")
def lies(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Return a log of restores and grants among which every field lies."""
    log = Log(tmp_path_factory.mktemp("lies") / "client")
    sink = Sink.open(log.log, log.state)
    for record in lying((["a", None], -1, {"a": [1]})):
        if "bpc.op" in record:
            record["bpc.op"] = "restore"
        if record.get("event.action") != "log-rotated":
            sink.append(json.dumps(record).encode("ascii") + b"\n")
    sink.close()
    return log


@pytest.mark.parametrize("words", [
    ("report", "--no-verify"), ("report", "--json", "--no-verify"), ("report", "--html", "page"),
    ("diff", "2020", "2020..2100"), ("verify", "--chain-only"), ("keys",), ("tail",),
])
def test_no_lie_makes_a_command_fail(
    words: tuple[str, ...], lies: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    command, *rest = words
    told = main(["audit", command, "--store", str(tmp_path), *rest, os.fsdecode(lies.log)])
    assert told in (exits.YES, exits.NO)
    assert capsys.readouterr().out or os.path.getsize("page")
