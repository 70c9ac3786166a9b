"""The embedded engine: DuckDB over segments and Parquet files, in bounded memory, on this machine.

Whatever a line holds is data: what doesn't parse is left out, which verify tells of, and nothing of
the log gets into a statement.
"""

from __future__ import annotations

import datetime
import glob
from typing import TYPE_CHECKING, Any, Final

from . import counts
from .batches import BATCH_BYTES, batches, is_parquet
from .columns import ASKED, COLUMNS, NOTABLE, SEQUENCE, TIME
from .queries import OF_RECORDS, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    import duckdb

    Row = dict[str, Any]

# A line longer than any record the guard writes is none; DuckDB would stop at it.
_OBJECT_BYTES: Final = 4 << 20
MEMORY: Final = "700MB"  # of DuckDB's own; the process stays below 1 GB with it

_LABEL: Final = '"bpc.key.label"'
_BEGINS: Final = (
    """("bpc.op" = 'restore' AND "event.action" = 'command-started'"""
    """ OR "event.action" IN ('grant-opened', 'grant-closed'))"""
)
_ENDS: Final = "\"event.action\" = 'command-ended'"
# What is kept, but for the labels: of keys that restored or got a grant, in this batch or before.
_KEPT: Final = f"({_BEGINS} OR {_ENDS}) AND {_LABEL} IN"
# What holds an end to its start.
_RUN: Final = '"process.entity_id", "host.name"'
# Rows of the cube that tell of restores and grants: the ends of their keys' runs are kept.
_NOTABLE_ROWS: Final = (
    "label IS NOT NULL"
    " AND (op = 'restore' OR action IN ('grant-opened', 'grant-closed'))"
)
# Sums are wider than the numbers of Parquet, which would have them rounded.
_SUMS: Final = ("read_bytes", "write_bytes", "duration_ns", "failures")
_SUM: Final = "DECIMAL(38, 0)"


class EngineError(Exception):
    """The engine is missing or could not read; the text says what to do."""


class Engine:
    """The records of FILES, segments or Parquet, to be asked; use it in a with statement.

    SCRATCH is a folder for what doesn't fit into memory.
    """

    def __init__(
        self, files: Sequence[str], scratch: str, memory: str = MEMORY,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        self._files = list(files)
        packed = [name for name in files if is_parquet(name)]
        segments = [name for name in files if not is_parquet(name)]
        self._counts = counts.believed(packed, meaning(), scratch)
        self._packed = [name for name in packed if name not in self._counts]
        counted = [name for name in packed if name in self._counts]
        kinds = counted, self._packed, segments
        self.steps: Final = [step for kind in kinds for step in batches(kind, batch_bytes)]
        self._connection = _connect(scratch, memory)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def read(self, over: Callable[[list[list[str]]], Iterable[list[str]]] = iter) -> None:
        """Read all files; afterwards `ask` answers from what was counted and kept.

        OVER goes through `steps`, the files of each, to tell how far it is.
        """
        self._run("CREATE VIEW known AS SELECT CAST(NULL AS VARCHAR) AS label")  # none so far
        self._run(f"CREATE TABLE found AS {_finding([])}")
        for part in OF_RECORDS:
            self._run(f"CREATE VIEW {part} AS SELECT * FROM found WHERE part = '{part}'")
        self._run(f"CREATE OR REPLACE VIEW known AS SELECT label FROM cube WHERE {_NOTABLE_ROWS}")
        self._run(  # counts were written with ends of keys that are not known here
            "CREATE VIEW notable AS SELECT * FROM found"
            f" WHERE part = 'notable' AND {_LABEL} IN (SELECT label FROM known)"
        )
        for files in over(self.steps):
            self._run(f"INSERT INTO found BY NAME {self._first_of(files)}")
        if self._packed:  # only now all keys are known whose runs may have ended in these
            self._run(f"INSERT INTO found BY NAME {_keeping(self._packed)}")

    def _first_of(self, files: Sequence[str]) -> str:
        """Return the SELECT of what is found in FILES, a step, when they are read first."""
        if files[0] in self._counts:
            return f"SELECT * FROM read_parquet({_list([self._counts[name] for name in files])})"
        return _counting(files) if is_parquet(files[0]) else _finding(files)

    def set_period(self, since: str, until: str) -> None:
        """Ask from now on about the days SINCE to UNTIL, both included, as YYYY-MM-DD."""
        self._run("CREATE OR REPLACE TABLE period AS SELECT ? AS since, ? AS until", [since, until])

    def ask(self, name: str) -> list[Row]:
        """Return the rows of the query NAME, one of queries.OF_COUNTS and OF_NOTABLE."""
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
        order = _names(("host.name", "bpc.key.label", SEQUENCE))
        written = self._run(
            f"COPY (SELECT {_names(COLUMNS)} FROM ({_reading(self._files)}) ORDER BY {order})"
            f" TO {_literal(path)} (FORMAT parquet, COMPRESSION lz4)"
        ).fetchall()
        return int(written[0][0])

    def write_counts(self, path: str) -> None:
        """Write what a report finds in the records to the Parquet file at PATH; see `counts`."""
        self._run(f"COPY ({_counted(self._files)}) TO {_literal(path)} (FORMAT parquet)")

    def _run(self, statement: str, values: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        import duckdb

        try:
            return self._connection.execute(statement, list(values))
        except duckdb.Error as error:
            raise EngineError(f"DuckDB: {str(error).splitlines()[0]}") from None


def meaning() -> str:
    """Return what counts mean, as text: others than these are not to be read as such."""
    return _counted([])


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


def _counts() -> str:
    """Return the SELECT that counts `records`; `part` says for which table a row is."""
    return " UNION ALL BY NAME ".join(
        f"SELECT '{part}' AS part, * FROM ({text_of(part)})" for part in OF_RECORDS
    )


def _counting(files: Sequence[str]) -> str:
    """Return the SELECT that counts the records of FILES."""
    return f"SELECT * FROM (WITH records AS ({_reading(files)}) {_counts()})"


def _finding(files: Sequence[str]) -> str:
    """Return the SELECT that counts the records of FILES and has those to be kept.

    Lines cost far more to parse than to hold: they are parsed once, and held as long as it runs.
    """
    return (
        f"WITH records AS MATERIALIZED (SELECT {_names(ASKED)} FROM ({_reading(files)}))"
        f" {_counts()}"
        f" UNION ALL BY NAME SELECT 'notable' AS part, {_names(NOTABLE)} FROM records WHERE {_KEPT}"
        f" (SELECT {_LABEL} FROM records WHERE {_BEGINS} UNION ALL SELECT label FROM known)"
    )


def _keeping(files: Sequence[str]) -> str:
    """Return the SELECT of the records of FILES, Parquet, that are to be kept.

    Files and parts of files in which none of the known labels can be are not read.
    """
    return (
        f"SELECT 'notable' AS part, {_names(NOTABLE)} FROM ({_reading(files)})"
        f" WHERE {_KEPT} (SELECT label FROM known)"
    )


def _counted(files: Sequence[str]) -> str:
    """Return the SELECT of the counts of FILES, and of all records of theirs that may be kept.

    Of the ends, only those of runs that began in these files as no restores are left out: another
    one's start is elsewhere, in the month before.
    """
    sums = ", ".join(f"CAST({name} AS {_SUM}) AS {name}" for name in _SUMS)
    notable = f"SELECT 'notable' AS part, {_names(NOTABLE)} FROM records"
    others = (
        f"SELECT {_RUN} FROM records WHERE \"event.action\" = 'command-started' GROUP BY {_RUN}"
        " HAVING count(CASE WHEN \"bpc.op\" = 'restore' THEN 1 END) = 0"
    )
    return (
        f"WITH records AS (SELECT {_names(ASKED)} FROM ({_reading(files)}))"
        f" SELECT * REPLACE ({sums}) FROM ({_counts()}"
        f" UNION ALL BY NAME {notable} WHERE {_BEGINS}"
        f" UNION ALL BY NAME {notable} ANTI JOIN ({others}) AS others USING ({_RUN}) WHERE {_ENDS})"
    )


def _reading(files: Sequence[str]) -> str:
    """Return the SELECT that gives the records of FILES."""
    plain = [name for name in files if not is_parquet(name)]
    packed = [name for name in files if is_parquet(name)]
    types = ", ".join(f"{_literal(name)}: '{kind}'" for name, kind in COLUMNS.items())
    parts = []
    if plain:
        parts.append(
            f"SELECT * FROM read_json({_list(plain)}, format='newline_delimited',"
            f" ignore_errors=true, maximum_object_size={_OBJECT_BYTES}, columns={{{types}}})"
        )
    if packed:
        parts.append(f"SELECT * FROM read_parquet({_list(packed)})")
    if not parts:
        empty = ", ".join(f"CAST(NULL AS {kind}) AS {_quoted(n)}" for n, kind in COLUMNS.items())
        parts.append(f"SELECT {empty}")
    whole = f"{_quoted(SEQUENCE)} IS NOT NULL AND {_quoted(TIME)} IS NOT NULL"
    return f"SELECT * FROM ({' UNION ALL BY NAME '.join(parts)}) WHERE {whole}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _list(files: Sequence[str]) -> str:
    """Return FILES as DuckDB takes them; it would else look for patterns in their names."""
    return f"[{', '.join(_literal(glob.escape(name)) for name in files)}]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
