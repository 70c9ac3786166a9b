"""export: records for other programs, as they are, as CSV, as OCSF, as Parquet."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Optional

from ... import exits
from ...audit import ocsf, table
from ...audit.chain import chain_of
from ...audit.engine.counts import path_of as counts_of
from ...audit.engine.parquet import SUFFIX, convert, count, is_counted, is_younger, months
from ...audit.ocsf import Link
from ...audit.records import Lines
from ..progress import Progress
from .common import Problem, add_logs, logs, new_command, tell_left_out
from .search import add_query, query_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.query import Query
    from ...audit.records import Record
    from .common import Commands

FORMATS = ("jsonl", "csv", "ocsf", "parquet")


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "export", "print records for other programs", _export)
    add_logs(command)
    command.add_argument("--format", metavar="FORM", choices=FORMATS, default="jsonl",
                         help="jsonl, csv, ocsf or parquet (default %(default)s)")
    command.add_argument("--to", metavar="DIR",
                         help="parquet: write DIR/LOG/YYYY-MM.parquet for each month that has"
                              " new records, and its counts, for reports, below .counts")
    command.add_argument("--dry-run", action="store_true",
                         help="with --to: say which files it would write, and write none")
    add_query(command)


def _export(options: argparse.Namespace) -> int:
    if (options.format == "parquet") != bool(options.to):
        raise Problem("--format parquet and --to DIR go together")
    if options.dry_run and not options.to:
        raise Problem("--dry-run is for --to alone; without it nothing is changed")
    if options.to:
        if any(vars(query_of(options)).values()):
            raise Problem("parquet has whole months; choose records when you ask it")
        return _export_parquet(options)
    chosen = _chosen(options, query_of(options))
    if options.format == "csv":
        table.write((record for record, _, _ in chosen), sys.stdout)
        return exits.YES
    for record, line, link in chosen:
        told = ocsf.as_line(ocsf.to_ocsf(record, line, link)) if options.format == "ocsf" else line
        print(told)
    return exits.YES


def _export_parquet(options: argparse.Namespace) -> int:
    """Write what is new, month by month; a file that is younger than its segments is left.

    Counts that another release wrote, or that somebody deleted, are written again.
    """
    found = [(log.name, months(log.segments)) for log in logs(options)]
    with Progress("export", sum(len(parts) for _, parts in found)) as progress:
        for name, parts in found:
            folder = os.path.join(options.to, os.path.basename(os.path.abspath(name)))
            if not options.dry_run:
                os.makedirs(folder, mode=0o750, exist_ok=True)
            for month, segments in parts.items():
                progress.step(f"{name} {month}")
                path = os.path.join(folder, f"{month}{SUFFIX}")
                paths = [segment.path for segment in segments]
                if not is_younger(path, paths):
                    written = None if options.dry_run else convert(paths, path)
                    print(json.dumps({"file": path, "records": written}))
                elif not is_counted(path):
                    if not options.dry_run:
                        count(path)
                    print(json.dumps({"counts": counts_of(path)}))
    return exits.YES


def _chosen(options: argparse.Namespace, query: Query) -> Iterator[tuple[Record, str, Link]]:
    """Yield each record that was asked for, its line and its place in its chain."""
    chosen = logs(options)
    with Progress("read", sum(len(log.segments) for log in chosen), streams=True) as progress:
        for log in chosen:
            try:
                chain = chain_of(log.segments).hex()
            except ValueError as error:
                raise Problem(f"{log.name}: {error}") from None
            reader = Lines(progress.over(log.segments, log.name))
            previous: Optional[tuple[int, str]] = None
            for record, line in reader:
                if query.admits(record):
                    yield record, line, Link(chain, previous)
                previous = record["event.sequence"], str(record.get("h"))
            tell_left_out(log.name, reader.left_out)
