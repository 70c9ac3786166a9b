"""The embedded engine: DuckDB over segments and Parquet files, in bounded memory, on this machine.

Whatever a line holds is data: what doesn't parse is left out, which verify tells of, and nothing of
the log gets into a statement.
"""

from __future__ import annotations

import datetime
import glob
import os
from typing import TYPE_CHECKING, Any, Final

from .columns import COLUMNS, NOTABLE, SEQUENCE, TIME
from .queries import CUBE, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import duckdb

    Row = dict[str, Any]

MEMORY: Final = "700MB"  # of DuckDB's own; the process stays below 1 GB with it
PARQUET: Final = ".parquet"
# A line longer than any record the guard writes is none; DuckDB would stop at it.
_OBJECT_BYTES: Final = 4 << 20


class EngineError(Exception):
    """The engine is missing or could not read; the text says what to do."""


class Engine:
    """The records of FILES, segments or Parquet, to be asked; use it in a with statement.

    SCRATCH is a folder for what doesn't fit into memory.
    """

    def __init__(self, files: Sequence[str], scratch: str, memory: str = MEMORY) -> None:
        self._files = list(files)
        self._connection = _connect(scratch, memory)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def read(self) -> None:
        """Read all files once; afterwards `ask` answers from what was counted."""
        self._view("records", self._files)
        self._run(f"CREATE TABLE cube AS {text_of(CUBE)}")
        self._run(
            "CREATE TABLE shown AS SELECT label, notable_file FROM cube"
            " WHERE notable_file IS NOT NULL"
        )
        found = self._run("SELECT DISTINCT notable_file FROM shown").fetchall()
        shown = self._with_next({str(name) for (name,) in found})
        self._keep_notable([name for name in self._files if name in shown])

    def set_period(self, since: str, until: str) -> None:
        """Ask from now on about the days SINCE to UNTIL, both included, as YYYY-MM-DD."""
        self._run("CREATE OR REPLACE TABLE period AS SELECT ? AS since, ? AS until", [since, until])

    def ask(self, name: str) -> list[Row]:
        """Return the rows of the query NAME, one of queries.OF_CUBE and OF_NOTABLE."""
        answer = self._run(text_of(name))
        columns = [column[0] for column in answer.description or ()]
        return [dict(zip(columns, row)) for row in answer.fetchall()]

    def days(self) -> tuple[str, str]:
        """Return the first and the last day of the records, two empty words without any.

        What is no day is none, and one that has not come yet counts where there is no other: one
        machine that lies would else move the period of all.
        """
        found = self._run("SELECT DISTINCT day FROM cube WHERE day IS NOT NULL").fetchall()
        days = sorted(day for (day,) in found if _is_day(day))
        come = [day for day in days if day <= _tomorrow()] or days
        return (come[0], come[-1]) if come else ("", "")

    def machines(self) -> set[str]:
        """Return the names of all machines that have records, of whatever time."""
        found = self._run("SELECT DISTINCT host FROM cube WHERE host IS NOT NULL").fetchall()
        return {str(name) for (name,) in found}

    def write_parquet(self, path: str) -> int:
        """Write all records to the Parquet file at PATH, key by key in order; return how many.

        Its columns have the fields' names. lz4: half as large again as zstd, and a report that
        reads it takes four fifths of the time.
        """
        self._view("records", self._files)
        names = ", ".join(map(_quoted, COLUMNS))
        order = ", ".join(map(_quoted, ("host.name", "bpc.key.label", SEQUENCE)))
        written = self._run(
            f"COPY (SELECT {names} FROM records ORDER BY {order}) TO {_literal(path)}"
            " (FORMAT parquet, COMPRESSION lz4)"
        ).fetchall()
        return int(written[0][0])

    def _with_next(self, names: set[str]) -> set[str]:
        """Return NAMES and the file behind each: a restore may end in the next segment."""
        following = {
            after for name, after in zip(self._files, self._files[1:])
            if name in names and os.path.dirname(name) == os.path.dirname(after)
        }
        return names | following

    def _view(self, name: str, files: Sequence[str]) -> None:
        self._run(f"CREATE OR REPLACE VIEW {name} AS {_reading(files)}")

    def _keep_notable(self, files: Sequence[str]) -> None:
        """Keep what restores and grants consist of in memory; their keys do little else."""
        names = ", ".join(map(_quoted, NOTABLE))
        self._run(
            f"CREATE TABLE notable AS SELECT {names} FROM ({_reading(files)})"
            f" WHERE {_quoted('bpc.key.label')} IN (SELECT label FROM shown)"
        )

    def _run(self, statement: str, values: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        import duckdb

        try:
            return self._connection.execute(statement, list(values))
        except duckdb.Error as error:
            raise EngineError(f"DuckDB: {str(error).splitlines()[0]}") from None


def _connect(scratch: str, memory: str) -> duckdb.DuckDBPyConnection:
    try:
        import duckdb
    except ImportError:
        raise EngineError(
            "DuckDB is missing; install it: pip install 'bpc_ssh_guard[audit]'"
        ) from None
    connection = duckdb.connect(config={
        "memory_limit": memory,
        "temp_directory": scratch,
        "preserve_insertion_order": False,
        # Nothing is fetched from anywhere, and no extension of somebody's home is loaded.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    })
    # Where DuckDB takes Python for a terminal, it writes one on standard output, among the data.
    connection.execute("SET enable_progress_bar_print = false")
    return connection


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _tomorrow() -> str:
    """Return the day after this one, for machines whose clocks are ahead."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now.date() + datetime.timedelta(days=1)).isoformat()


def _reading(files: Sequence[str]) -> str:
    """Return the SELECT that gives the records of FILES, with the column `file`."""
    plain = [name for name in files if not name.endswith(PARQUET)]
    packed = [name for name in files if name.endswith(PARQUET)]
    types = ", ".join(f"{_literal(name)}: '{kind}'" for name, kind in COLUMNS.items())
    parts = []
    if plain:
        parts.append(
            f"SELECT * FROM read_json({_list(plain)}, format='newline_delimited', filename='file',"
            f" ignore_errors=true, maximum_object_size={_OBJECT_BYTES}, columns={{{types}}})"
        )
    if packed:
        parts.append(f"SELECT * FROM read_parquet({_list(packed)}, filename='file')")
    if not parts:
        empty = ", ".join(f"CAST(NULL AS {kind}) AS {_quoted(n)}" for n, kind in COLUMNS.items())
        parts.append(f"SELECT {empty}, CAST(NULL AS VARCHAR) AS file")
    whole = f"{_quoted(SEQUENCE)} IS NOT NULL AND {_quoted(TIME)} IS NOT NULL"
    return f"SELECT * FROM ({' UNION ALL BY NAME '.join(parts)}) WHERE {whole}"


def _list(names: Sequence[str]) -> str:
    """Return NAMES as DuckDB takes files; it would else look for patterns in them."""
    return f"[{', '.join(_literal(glob.escape(name)) for name in names)}]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
