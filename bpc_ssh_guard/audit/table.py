"""Records as rows of CSV that no spreadsheet computes with."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

# Signs that begin a formula in a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write(records: Iterable[dict[str, Any]], file: TextIO) -> None:
    """Write RECORDS to FILE with a heading; a field that a record lacks is empty.

    The columns are those of all records, which are therefore held in memory.
    """
    kept = list(records)
    names = list(dict.fromkeys(name for record in kept for name in record))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for record in kept:
        writer.writerow([cell(record[name]) if name in record else "" for name in names])


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
