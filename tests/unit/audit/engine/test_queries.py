"""The queries are SQL that DuckDB and ClickHouse both read; `tox -e engines` runs them on both."""

from __future__ import annotations

import os

import pytest
import sqlglot
from sqlglot import exp

from bpc_ssh_guard.audit.engine import queries
from bpc_ssh_guard.audit.engine.columns import ASKED, COLUMNS, NOTABLE

DIALECTS = ("duckdb", "clickhouse")


def test_every_file_is_a_query_and_every_query_a_file() -> None:
    folder = os.path.dirname(queries.__file__)
    found = {name.removesuffix(".sql") for name in os.listdir(folder) if name.endswith(".sql")}
    assert found == set(queries.QUERIES)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", queries.QUERIES)
def test_a_query_is_one_select_in_both_dialects(name: str, dialect: str) -> None:
    [tree] = sqlglot.parse(queries.text_of(name), dialect=dialect)
    assert isinstance(tree, exp.Select)


@pytest.mark.parametrize("name", queries.QUERIES)
def test_both_dialects_read_the_same_tables_and_columns(name: str) -> None:
    said = []
    for dialect in DIALECTS:
        tree = sqlglot.parse_one(queries.text_of(name), dialect=dialect)
        said.append((sorted({table.name for table in tree.find_all(exp.Table)}),
                     sorted({column.name for column in tree.find_all(exp.Column)}),
                     tree.named_selects))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", queries.QUERIES)
def test_only_fields_of_records_are_asked_for(name: str) -> None:
    tree = sqlglot.parse_one(queries.text_of(name), dialect="duckdb")
    dotted = {column.name for column in tree.find_all(exp.Column) if "." in column.name}
    assert dotted <= COLUMNS.keys()


def test_what_is_read_of_segments_is_what_the_queries_ask_for() -> None:
    """A field that is not read would be empty; one that nobody asks for costs time."""
    asked = {
        name: {column.name for column in
               sqlglot.parse_one(queries.text_of(name), dialect="duckdb").find_all(exp.Column)
               if column.name in COLUMNS}
        for name in queries.QUERIES
    }
    assert asked[queries.CUBE] | asked[queries.RAN] | set(NOTABLE) == set(ASKED)
    assert set().union(*(asked[name] for name in queries.OF_NOTABLE)) <= set(NOTABLE)


@pytest.mark.parametrize("name", queries.QUERIES)
def test_a_query_tells_first_what_it_is_for(name: str) -> None:
    assert queries.text_of(name).startswith("-- ")


def test_a_select_that_only_one_of_them_reads_would_be_found() -> None:
    with pytest.raises(sqlglot.errors.ParseError):
        sqlglot.parse_one("SELECT x FROM t PREWHERE y ARRAY JOIN", dialect="duckdb")
