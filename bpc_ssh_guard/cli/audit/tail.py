"""tail: show the last records of a log, and go on showing what comes."""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
from typing import TYPE_CHECKING

from ... import exits
from ...audit.follow import follow
from ...audit.query import in_words
from ...audit.records import Reader
from .common import Problem, add_json, add_logs, logs, new_command
from .search import add_query, query_of

if TYPE_CHECKING:
    from .common import Commands

SHOWN = 10


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "tail", "show the last records, and those that come", _tail)
    add_logs(command)
    command.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    command.add_argument("-n", "--lines", metavar="N", type=_count, default=SHOWN,
                         help="how many (default %(default)s)")
    add_query(command)
    add_json(command)


def _count(text: str) -> int:
    """Return the number that TEXT is, for argparse."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!a}: no number of records")
    return int(text)


def _tail(options: argparse.Namespace) -> int:
    chosen = list(logs(options))
    if len(chosen) != 1:
        raise Problem(f"tail shows one log, not {len(chosen)}; name a folder or a host")
    segments = chosen[0].segments
    query = query_of(options)

    def show(record: dict[str, object]) -> None:
        print(json.dumps(record) if options.json else in_words(record), flush=True)

    reader = Reader(segments)
    last = collections.deque(filter(query.admits, reader), options.lines)
    for record in last:
        show(record)
    if options.follow:
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it
            for record in filter(query.admits, follow(segments[-1], reader.end)):
                show(record)
    return exits.YES
