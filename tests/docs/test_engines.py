"""docs/engines gives every engine the fields that the log has, with types that hold them."""

from __future__ import annotations

import csv
import json
import os
import re

import sqlglot
from sqlglot import exp

import bpc_ssh_guard
from bpc_ssh_guard.audit.engine.columns import COLUMNS, LIST, NUMBER, TEXT, TRUTH
from bpc_ssh_guard.record.event import ACTIONS
from bpc_ssh_guard.record.line import RECORD_LIMIT

PUBLISHED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "published", "ecs.csv")
# The types of a family are searched alike: https://www.elastic.co/guide, "Field data types".
SAME_FAMILY = {
    "keyword": ("keyword", "wildcard"), "wildcard": ("keyword", "wildcard"), "ip": ("ip",),
    "date": ("date", "date_nanos"), "long": ("long",),
}
# schemas/event.yml of ECS, expected_event_types of event.category.
EXPECTED_TYPES = {
    "authentication": {"start", "end", "info"},
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "intrusion_detection": {"allowed", "denied", "info"},
    "process": {"access", "change", "end", "info", "start"},
}
FOLDER = os.path.join(os.path.dirname(os.path.dirname(bpc_ssh_guard.__file__)), "docs", "engines")


def _read(name: str) -> str:
    with open(os.path.join(FOLDER, name), encoding="ascii") as file:
        return file.read()


def test_clickhouse_has_a_column_for_each_field() -> None:
    tree = sqlglot.parse_one(_read("clickhouse.sql"), dialect="clickhouse")
    kinds = {column.name: column.args["kind"].sql("clickhouse")
             for column in tree.find_all(exp.ColumnDef)}
    inner = {TEXT: "String", NUMBER: "Int64", TRUTH: "Bool", LIST: "String"}
    assert {name: re.sub(r"^Nullable\((.*)\)$", r"\1", kind) for name, kind in kinds.items()} == {
        name: inner[kind] for name, kind in COLUMNS.items()
    }


def test_opensearch_maps_each_field_and_takes_no_other() -> None:
    mappings = json.loads(_read("opensearch-template.json"))["template"]["mappings"]
    assert mappings["dynamic"] == "strict"
    allowed = {
        TEXT: {"keyword", "wildcard", "ip", "date_nanos"}, NUMBER: {"long"}, TRUTH: {"boolean"},
        LIST: {"keyword"},
    }
    assert mappings["properties"].keys() == COLUMNS.keys()
    for name, kind in COLUMNS.items():
        assert mappings["properties"][name]["type"] in allowed[kind], name
    assert mappings["properties"]["@timestamp"]["type"] == "date_nanos"


def test_fields_of_ecs_are_published_and_of_the_published_type() -> None:
    """Else an index with ECS's own templates would refuse them, or a rule for ECS not find them."""
    with open(PUBLISHED, encoding="ascii") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        published = {row["field"]: (row["type"], row["normalization"]) for row in rows}
    mapped = json.loads(_read("opensearch-template.json"))["template"]["mappings"]["properties"]
    own = ("bpc.", "ssh.")  # ECS has no fields for ssh's keys
    for name, kind in COLUMNS.items():
        if name.startswith(own) or name in ("h", "m"):
            assert name not in published
            continue
        ecs, normalization = published[name]
        assert mapped[name]["type"] in SAME_FAMILY[ecs], name
        assert (normalization == "array") == (kind == LIST), name


def test_each_action_has_a_type_that_ecs_expects_in_its_category() -> None:
    for action, (category, kind, outcome) in ACTIONS.items():
        assert kind in EXPECTED_TYPES[category], action
        assert outcome in ("success", "failure", "unknown"), action


def test_spark_has_each_field_in_the_order_of_the_columns() -> None:
    fields = json.loads(_read("spark-schema.json"))["fields"]
    types = {TEXT: "string", NUMBER: "long", TRUTH: "boolean"}
    assert [field["name"] for field in fields] == list(COLUMNS)
    for field in fields:
        kind = COLUMNS[field["name"]]
        shown = field["type"]
        assert shown == types[kind] if kind != LIST else shown["elementType"] == "string"


def test_splunk_takes_a_record_whole_and_its_time_from_the_right_place() -> None:
    props = dict(re.findall(r"^(\w+) = (.*)$", _read("splunk-props.conf"), re.MULTILINE))
    assert int(props["TRUNCATE"]) >= RECORD_LIMIT
    line = '{"event.sequence":0,"@timestamp":"2026-11-23T01:59:00.000412Z"}'
    begin = line.index(props["TIME_PREFIX"]) + len(props["TIME_PREFIX"])
    assert line[begin : begin + int(props["MAX_TIMESTAMP_LOOKAHEAD"])].endswith("Z")


def test_every_file_is_told_of() -> None:
    readme = _read("README.md")
    assert all(f"({name})" in readme for name in os.listdir(FOLDER) if name != "README.md")
