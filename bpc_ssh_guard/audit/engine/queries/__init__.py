"""The queries: SQL that DuckDB and ClickHouse both run, each told in its first lines.

`cube` and `ran` are asked of `records`, at once or part by part; the others of what these gave,
where a group may have several rows, of `period` (since, until: days) and of `notable`, whole
records, those of restores and grants at least.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

CUBE: Final = "cube"
RAN: Final = "ran"
OF_RECORDS: Final = (CUBE, RAN)
OF_COUNTS: Final = ("days", "refusals", "hosts", "keys", "addresses", "shapes")
OF_NOTABLE: Final = ("restores", "grants")
QUERIES: Final = (*OF_RECORDS, *OF_COUNTS, *OF_NOTABLE)


def text_of(name: str) -> str:
    """Return the SQL of the query NAME, one of QUERIES."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="ascii")
