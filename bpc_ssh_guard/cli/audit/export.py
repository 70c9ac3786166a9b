"""export: records for other programs, as they are, as CSV, as OCSF."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...audit import ocsf, table
from ...audit.chain import chain_of
from ...audit.records import lines
from .common import Problem, add_logs, logs, new_command
from .search import add_query, query_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.query import Query
    from ...audit.records import Record
    from .common import Commands

FORMATS = ("jsonl", "csv", "ocsf")


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "export", "print records for other programs", _export)
    add_logs(command)
    command.add_argument("--format", metavar="FORM", choices=FORMATS, default="jsonl",
                         help="jsonl, csv or ocsf (default %(default)s)")
    add_query(command)


def _export(options: argparse.Namespace) -> int:
    chosen = _chosen(options, query_of(options))
    if options.format == "csv":
        table.write((record for record, _, _ in chosen), sys.stdout)
        return exits.YES
    for record, line, chain in chosen:
        told = ocsf.as_line(ocsf.to_ocsf(record, line, chain)) if options.format == "ocsf" else line
        print(told)
    return exits.YES


def _chosen(options: argparse.Namespace, query: Query) -> Iterator[tuple[Record, str, str]]:
    """Yield each record that was asked for, its line and the id of its chain."""
    for name, segments in logs(options):
        try:
            chain = chain_of(segments).hex()
        except ValueError as error:
            raise Problem(f"{name}: {error}") from None
        for record, line in lines(segments):
            if query.admits(record):
                yield record, line, chain
