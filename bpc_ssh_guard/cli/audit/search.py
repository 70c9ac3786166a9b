"""search: show the records that were asked for."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...audit.query import Query, in_words
from ...audit.records import Reader
from .common import PROGRAM, add_json, add_logs, logs, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "search", "show the records that were asked for", _search)
    add_logs(command)
    add_query(command)
    add_json(command)


def add_query(command: argparse.ArgumentParser) -> None:
    """Add the options that choose records."""
    for option, name, text in (
        ("--action", "ACTION", "command-denied, command-started, ..."),
        ("--code", "REASON", "why it was refused, as in outside-roots"),
        ("--key", "KEY", "label or KEYID"),
        ("--from", "ADDRESS", "where it came from"),
        ("--path", "TEXT", "a part of a path it asked for"),
    ):
        command.add_argument(option, metavar=name, action="append", default=[], help=text,
                             dest=f"wanted_{option[2:]}")
    command.add_argument("--since", metavar="TIME", default="", help="as in 2026-11-23T02:00")
    command.add_argument("--until", metavar="TIME", default="", help="to the end of this")


def query_of(options: argparse.Namespace) -> Query:
    """Return the query that OPTIONS make."""
    return Query(options.wanted_action, options.wanted_code, options.wanted_key,
                 options.wanted_from, options.wanted_path, options.since, options.until)


def _search(options: argparse.Namespace) -> int:
    query, found = query_of(options), False
    for name, segments in logs(options):
        reader = Reader(segments)
        for record in filter(query.admits, reader):
            found = True
            print(json.dumps(record) if options.json else in_words(record))
        if reader.left_out:
            print(f"{PROGRAM}: {name}: {reader.left_out} lines are no records; verify tells what"
                  " they are", file=sys.stderr)
    return exits.YES if found else exits.NO
