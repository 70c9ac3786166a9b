"""search: show the records that were asked for."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from ...audit.query import Query, in_words
from ...record.event import ACTIONS
from .asking import time_of
from .common import add_json, add_logs, new_command, records

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
    command.add_argument("--action", metavar="ACTION", action="append", default=[],
                         dest="wanted_action", choices=sorted(ACTIONS),
                         help="command-denied, command-started, ...")
    for option, name, text in (
        ("--code", "REASON", "why it was refused, as in outside-roots"),
        ("--key", "KEY", "label or KEYID"),
        ("--from", "ADDRESS", "where it came from"),
        ("--path", "TEXT", "a part of a path it asked for"),
    ):
        command.add_argument(option, metavar=name, action="append", default=[], help=text,
                             dest=f"wanted_{option[2:]}")
    command.add_argument("--since", metavar="TIME", default="", type=time_of,
                         help="from then on, UTC, as in 2026-11-23T02:00")
    command.add_argument("--until", metavar="TIME", default="", type=time_of,
                         help="to the end of this day, hour or minute")


def query_of(options: argparse.Namespace) -> Query:
    """Return the query that OPTIONS make."""
    return Query(options.wanted_action, options.wanted_code, options.wanted_key,
                 options.wanted_from, options.wanted_path, options.since, options.until)


def _search(options: argparse.Namespace) -> int:
    query, found = query_of(options), False
    for record in filter(query.admits, records(options, streams=True)):
        found = True
        print(json.dumps(record) if options.json else in_words(record))
    return exits.YES if found else exits.NO
