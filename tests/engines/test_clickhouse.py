"""The auditor's queries give on ClickHouse what they give on DuckDB, from the same files."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from bpc_ssh_guard.audit.engine import queries
from bpc_ssh_guard.audit.engine.columns import COLUMNS, LIST
from bpc_ssh_guard.audit.engine.duck import Engine
from tests import fleet
from tests.unit.record.scenes import CHECKOUT

pytestmark = pytest.mark.engines

PERIOD = ("2026-10-05", "2026-10-20")
TABLE = os.path.join(CHECKOUT, "docs", "engines", "clickhouse.sql")
ASKED_OF_BOTH = (*queries.OF_COUNTS, *queries.OF_NOTABLE)
LISTS = ("paths", "features", *(name for name, kind in COLUMNS.items() if kind == LIST))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    return fleet.write(str(tmp_path_factory.mktemp("fleet")), 4000, machines=4, seed=7)


@pytest.fixture(scope="module")
def duck(files, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """What DuckDB answers, by query."""
    with Engine(files, str(tmp_path_factory.mktemp("scratch"))) as engine:
        engine.read()
        engine.set_period(*PERIOD)
        return {name: engine.ask(name) for name in ASKED_OF_BOTH}


@pytest.fixture(scope="module")
def clickhouse(files, tmp_path_factory):
    """A session of ClickHouse that has read the records as docs/engines says."""
    from chdb.session import Session

    session = Session(str(tmp_path_factory.mktemp("clickhouse")))
    segments = files[0].rsplit("/", 3)[0] + "/*/segments/*.jsonl"
    session.query("CREATE DATABASE audit ENGINE = Atomic")
    session.query("USE audit")
    with open(TABLE, encoding="ascii") as file:
        session.query(file.read())
    session.query(f"INSERT INTO records FROM INFILE '{segments}' FORMAT JSONEachRow")
    for name in queries.OF_RECORDS:
        session.query(f"CREATE TABLE {name} ENGINE = Memory AS {queries.text_of(name)}")
    session.query("CREATE VIEW notable AS SELECT * FROM records")
    session.query(f"CREATE VIEW period AS SELECT '{PERIOD[0]}' AS since, '{PERIOD[1]}' AS until")
    yield session
    session.close()


def test_the_table_takes_every_record_whole(files, clickhouse) -> None:
    asked = "SELECT * FROM records ORDER BY `host.name`, `event.sequence`"
    held = [_known(json.loads(line))
            for line in str(clickhouse.query(asked, "JSONEachRow")).splitlines()]
    written = []
    for name in files:
        with open(name, encoding="ascii") as file:
            written += [_known(json.loads(line)) for line in file]
    assert held == written


def _known(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that RECORD has, numbers as text and lists as lists."""
    return {
        name: json.loads(value) if isinstance(value, str) and name in LISTS
        else value if isinstance(value, list) else str(value)
        for name, value in record.items() if value not in (None, "")
    }


@pytest.mark.parametrize("name", ASKED_OF_BOTH)
def test_both_engines_answer_alike(name: str, duck, clickhouse) -> None:
    text = str(clickhouse.query(queries.text_of(name), "JSONEachRow"))
    told = [json.loads(line) for line in text.splitlines()]
    assert len(told) == len(duck[name])
    assert _comparable(told) == _comparable(duck[name])


def test_both_tell_alike_what_no_machine_ran_before(files, clickhouse, tmp_path) -> None:
    """On the first day all is new, and on several machines."""
    with Engine(files, str(tmp_path)) as engine:
        engine.read()
        engine.set_period("2026-10-01", "2026-10-02")
        expected = engine.ask("shapes")
    clickhouse.query(
        "CREATE OR REPLACE VIEW period AS SELECT '2026-10-01' AS since, '2026-10-02' AS until"
    )
    text = str(clickhouse.query(queries.text_of("shapes"), "JSONEachRow"))
    clickhouse.query(
        f"CREATE OR REPLACE VIEW period AS SELECT '{PERIOD[0]}' AS since, '{PERIOD[1]}' AS until"
    )
    assert any(row["hosts"] > 1 for row in expected)
    assert all(row["known_since"] is None for row in expected)
    assert [_comparable([json.loads(line)]) for line in text.splitlines()] == [
        _comparable([row]) for row in expected]


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Return ROWS without the engines' own ways: numbers as text, empty lists for none."""
    return sorted(
        json.dumps({name: _plain(value) for name, value in row.items()}, sort_keys=True)
        for row in rows
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):  # a list, as ClickHouse's table keeps it
        value = json.loads(value)
    if value is None or value == []:
        return ""
    return [str(each) for each in value] if isinstance(value, list) else str(value)
