"""replay: what the log's commands would have got under another policy."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from ... import exits
from ...audit.replay import replay
from ...errors import GuardFailure
from ...page.inert import inert
from ...policy import load
from .common import Problem, add_json, add_logs, new_command, records
from .search import add_query, query_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.replay import Replayed
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "replay",
                          "say what the log's commands would get under another policy", _replay)
    add_logs(command)
    command.add_argument("--policy", metavar="FILE", required=True, help="the other policy")
    add_query(command)
    add_json(command)


def _replay(options: argparse.Namespace) -> int:
    try:
        policy = load.load(os.fsencode(os.path.abspath(options.policy)))
    except GuardFailure as failure:
        raise Problem(failure.detail) from None
    found = replay(filter(query_of(options).admits, records(options)), policy)
    if options.json:
        print(json.dumps(found.as_json()))
    else:
        print("\n".join(map(inert, _in_words(found))))
    return exits.NO if found.changes else exits.YES


def _in_words(found: Replayed) -> Iterator[str]:
    yield f"{found.same} commands would get the same answer"
    if found.undecided:
        yield f"{found.undecided} were refused for what no policy decides"
    if found.lost:
        yield f"{found.lost} can't be replayed: their records don't hold all of the command"
    for change in found.changes.values():
        why = f": {change.detail}" if change.detail else ""
        yield f"{change.count} of {change.label}: {change.before}, would be {change.after}{why}"
        yield f"  as in: {change.example}"
