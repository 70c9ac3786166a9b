"""The auditor's queries give on ClickHouse what they give on DuckDB, from the same files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bpc_ssh_guard.audit.engine import queries
from bpc_ssh_guard.audit.engine.columns import COLUMNS, LIST, NUMBER, TEXT, TRUTH
from bpc_ssh_guard.audit.engine.duck import Engine
from tests import fleet

pytestmark = pytest.mark.engines

PERIOD = ("2026-10-05", "2026-10-20")
TYPES = {TEXT: "Nullable(String)", NUMBER: "Nullable(Int64)", TRUTH: "Nullable(Bool)",
         LIST: "Array(String)"}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    return fleet.write(str(tmp_path_factory.mktemp("fleet")), 4000, machines=4, seed=7)


@pytest.fixture(scope="module")
def duck(files, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """What DuckDB answers, by query."""
    with Engine(files, str(tmp_path_factory.mktemp("scratch"))) as engine:
        engine.read()
        engine.set_period(*PERIOD)
        return {name: engine.ask(name) for name in queries.QUERIES if name != queries.CUBE}


@pytest.fixture(scope="module")
def clickhouse(files, tmp_path_factory):
    """A session of ClickHouse that has read the records as docs/engines says."""
    from chdb.session import Session

    session = Session(str(tmp_path_factory.mktemp("clickhouse")))
    columns = ", ".join(f"`{name}` {TYPES[kind]}" for name, kind in COLUMNS.items())
    where = files[0].rsplit("/", 3)[0] + "/*/segments/*.jsonl"
    session.query("CREATE DATABASE audit ENGINE = Atomic")
    session.query(
        f"CREATE VIEW audit.records AS SELECT *, _path AS file"
        f" FROM file('{where}', JSONEachRow, '{columns}')"
    )
    session.query("USE audit")
    session.query("SET group_by_use_nulls = 1")
    session.query(f"CREATE TABLE cube ENGINE = Memory AS {queries.text_of(queries.CUBE)}")
    session.query("CREATE VIEW notable AS SELECT * FROM records")
    session.query(f"CREATE VIEW period AS SELECT '{PERIOD[0]}' AS since, '{PERIOD[1]}' AS until")
    yield session
    session.close()


@pytest.mark.parametrize("name", [*queries.OF_CUBE, *queries.OF_NOTABLE])
def test_both_engines_answer_alike(name: str, duck, clickhouse) -> None:
    text = str(clickhouse.query(queries.text_of(name), "JSONEachRow"))
    told = [json.loads(line) for line in text.splitlines()]
    assert len(told) == len(duck[name])
    assert _comparable(told) == _comparable(duck[name])


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Return ROWS without the engines' own ways: numbers as text, empty lists for none."""
    return sorted(
        json.dumps({name: _plain(value) for name, value in row.items()}, sort_keys=True)
        for row in rows
    )


def _plain(value: Any) -> Any:
    if value is None or value == []:
        return ""
    return [str(each) for each in value] if isinstance(value, list) else str(value)
