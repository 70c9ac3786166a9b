"""diff: what is different between two periods: new, gone, more and fewer."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from ...audit.engine.compare import compare
from ...audit.engine.summary import summarize
from ...page.inert import inert
from ..tables import show
from .asking import engine, known, period_of, segments_of
from .common import add_json, add_logs, new_command

if TYPE_CHECKING:
    from .common import Commands

MOST_ROWS = 100


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands, "diff", "tell what is different between two periods: 1 if anything is", _diff
    )
    command.add_argument("before", metavar="A", type=period_of,
                         help="a period: 2026-10, 2026-10-23 or FROM..TO")
    command.add_argument("after", metavar="B", type=period_of, help="a later one")
    add_logs(command)
    add_json(command)


def _diff(options: argparse.Namespace) -> int:
    machines = known(options)
    with engine(options, segments_of(options)) as asked:
        before, after = (summarize(asked, period, machines)
                         for period in (options.before, options.after))
    found = compare(before, after)
    if options.json:
        print(json.dumps({"differences": [each.as_json() for each in found]}))
    elif found:
        rows = [(each.kind, each.what, inert(" ".join(each.name)), f"{each.before:,}",
                 f"{each.after:,}") for each in found]
        show(f"From {options.before} to {options.after}",
             ("", "what", "name", "before #", "after #"), rows, MOST_ROWS)
    return exits.NO if found else exits.YES
