"""Records as rows of CSV that no spreadsheet computes with."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

from .engine.columns import COLUMNS, SEQUENCE, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

# Signs that begin a formula in a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


# What a person looks for stands first.
_FIRST: Final = (
    SEQUENCE, TIME, "host.name", "event.action", "event.code", "event.reason", "bpc.key.label",
    "source.ip", "process.command_line", "process.exit_code",
)
NAMES: Final = tuple(dict.fromkeys((*_FIRST, *COLUMNS)))
OTHER: Final = "other"  # a column for fields that bpc-ssh-guard-log(5) has not


def write(records: Iterable[dict[str, Any]], file: TextIO) -> None:
    """Write RECORDS to FILE, one at a time, with a heading; a field that a record lacks is empty.

    The columns are the same whatever the records hold.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*NAMES, OTHER))
    for record in records:
        other = {name: value for name, value in record.items() if name not in COLUMNS}
        cells = [cell(record[name]) if name in record else "" for name in NAMES]
        writer.writerow((*cells, cell(other) if other else ""))


def cell(value: object) -> str:
    """Return VALUE as a cell: text in printable ASCII, arrays as JSON, nothing that computes."""
    if value is None:
        return ""
    if isinstance(value, (bool, int)):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value)
    inert = "".join(
        c if " " <= c <= "~" else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )
    return f"'{inert}" if text.startswith(_FORMULA) else inert
