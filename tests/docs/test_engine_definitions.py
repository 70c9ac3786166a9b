"""What docs/engines sets for OpenSearch and Splunk leaves nothing of a record unfound.

Neither runs here; the bounds are those of the vendors' references, named where they are used.
"""

from __future__ import annotations

import configparser
import datetime
import json
import os
import re
from typing import Any

import pytest

from bpc_ssh_guard.audit.engine.columns import COLUMNS
from bpc_ssh_guard.record.line import RECORD_LIMIT, TEXT_LIMIT, text
from tests.unit.record import scenes

FOLDER = os.path.join(scenes.CHECKOUT, "docs", "engines")
# A term of Lucene's, in bytes of UTF-8; a document with a longer one is refused.
LONGEST_TERM = 32766
# limits.conf.spec of Splunk 10.2: [kv] limit, the fields that it finds in one record.
SPLUNK_FIELDS = 100
# The longest of what `text` shows: a byte outside UTF-8 becomes four characters.
LONGEST_TEXT = text(b"\xff" * TEXT_LIMIT)
HOSTILE = b'"@timestamp":"1999-01-01T00:00:00.000000Z"' + b"\x1b" * 4000  # six bytes each in JSON


def _index() -> dict[str, Any]:
    with open(os.path.join(FOLDER, "opensearch-template.json"), encoding="ascii") as file:
        return json.load(file)["template"]


def _stanzas(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # Splunk's settings are in capitals
    parser.read(os.path.join(FOLDER, name), encoding="ascii")
    return parser


@pytest.fixture
def refused() -> bytes:
    """Return a record, without evidence, whose sender made it long."""
    return scenes.denied(scenes.session(), command=HOSTILE)


# https://docs.opensearch.org/latest/mappings/mapping-parameters/ignore-above: a longer value is
# not indexed, and nothing says so.
def test_opensearch_finds_the_longest_text_there_is_and_never_refuses_it() -> None:
    fields = _index()["mappings"]["properties"].values()
    bounds = {field["ignore_above"] for field in fields if field["type"] == "keyword"}
    assert len(LONGEST_TEXT) == len(LONGEST_TEXT.encode()) == 4 * TEXT_LIMIT
    assert min(bounds) >= len(LONGEST_TEXT)
    assert len(LONGEST_TEXT.encode()) <= LONGEST_TERM


# .../mappings/supported-field-types/date-nanos: the default shows milliseconds.
def test_opensearch_shows_times_as_exactly_as_they_were_written() -> None:
    fields = _index()["mappings"]["properties"]
    dates = {name: field for name, field in fields.items() if field["type"] == "date_nanos"}
    assert dates.keys() == {"@timestamp", "event.start", "event.end"}
    assert {field["format"] for field in dates.values()} == {"strict_date_optional_time_nanos"}


# .../mappings/supported-field-types/object: a name with dots is a path of objects.
def test_opensearch_has_no_name_for_a_field_and_an_object_and_room_for_all() -> None:
    parts = [name.split(".") for name in _index()["mappings"]["properties"]]
    objects = {".".join(each[:length]) for each in parts for length in range(1, len(each))}
    assert not objects & COLUMNS.keys()
    room = _index()["settings"]["index.mapping.total_fields.limit"]
    assert len(objects) + len(COLUMNS) <= room


# limits.conf.spec, [spath] extraction_cutoff and [kv] maxchars: for automatic fields, too.
def test_splunk_finds_the_fields_behind_a_long_command(refused) -> None:
    behind = refused.index(b'"event.code"')
    limits = _stanzas("splunk-limits.conf")
    for stanza, setting, default in (
        ("spath", "extraction_cutoff", 5000), ("kv", "maxchars", 10240),
    ):
        assert default < behind, f"{setting} needs no raising"
        assert limits.getint(stanza, setting) >= RECORD_LIMIT
    assert len(COLUMNS) <= SPLUNK_FIELDS


# props.conf.spec, KV_MODE: with INDEXED_EXTRACTIONS the fields are extracted twice.
def test_splunk_extracts_fields_once() -> None:
    props = _stanzas("splunk-props.conf")["bpc:guard"]
    assert props["KV_MODE"] == "json"
    assert "INDEXED_EXTRACTIONS" not in props


# props.conf.spec, TIME_PREFIX: the first match counts.
def test_splunk_takes_no_time_that_a_command_names(refused) -> None:
    props = _stanzas("splunk-props.conf")["bpc:guard"]
    line = refused.decode("ascii")
    # `%6N` is Splunk's own: https://docs.splunk.com, "Date and time format variables".
    known = props["TIME_FORMAT"].replace("%6N", "%f")
    found = re.findall(props["TIME_PREFIX"] + "(.{" + props["MAX_TIMESTAMP_LOOKAHEAD"] + "})", line)
    assert found == [json.loads(line)["@timestamp"]]
    assert datetime.datetime.strptime(found[0], known).strftime(known) == found[0]


# props.conf.spec, MAX_DAYS_AGO and MAX_DAYS_HENCE: their highest legal values.
def test_splunk_believes_a_time_that_is_far_off() -> None:
    props = _stanzas("splunk-props.conf")["bpc:guard"]
    assert (props["MAX_DAYS_AGO"], props["MAX_DAYS_HENCE"]) == ("10951", "10950")
    assert props["TZ"] == "UTC"
