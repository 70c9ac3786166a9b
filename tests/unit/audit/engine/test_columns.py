"""Every field of a record has a type that its values really have."""

from __future__ import annotations

import json
import os
import re

from bpc_ssh_guard.audit.engine.columns import ASKED, COLUMNS, LIST, NOTABLE, NUMBER, TEXT, TRUTH
from tests.unit.record import scenes

PAGE = os.path.join(scenes.CHECKOUT, "man", "bpc-ssh-guard-log.5")
OF_VALUE = {str: TEXT, int: NUMBER, bool: TRUTH, list: LIST}


def _records() -> list[dict[str, object]]:
    session = scenes.session()
    lines = [*scenes.every_line(session), *scenes.grant_lines(), *scenes.own_lines()]
    return [json.loads(line) for line in (*lines, *scenes.key_lines(session))]


def test_the_columns_are_the_fields_that_the_page_explains() -> None:
    with open(PAGE, encoding="ascii") as file:
        explained = re.findall(r"^\.It Va (\S+)$", file.read(), re.MULTILINE)
    assert sorted(COLUMNS) == sorted(explained)


def test_each_field_has_the_type_of_its_values() -> None:
    wrong = {
        (name, type(value).__name__)
        for record in _records() for name, value in record.items()
        if OF_VALUE[type(value)] != COLUMNS[name]
    }
    assert wrong == set()


def test_what_is_asked_for_and_shown_of_restores_and_grants_are_fields() -> None:
    assert set(NOTABLE) < set(ASKED) < COLUMNS.keys()
