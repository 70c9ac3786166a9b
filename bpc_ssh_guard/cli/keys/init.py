"""init: make the account, the folders, a configuration to fill in, and the store."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl.explain import printable
from .common import add_config, add_json, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "init", "make account, folders and store; run it as root",
                          _init)
    add_config(command)
    command.add_argument("--account", metavar="NAME", default="bpckeys",
                         help="who keeps the keys (default %(default)s)")
    command.add_argument("--dry-run", action="store_true",
                         help="change nothing: 1 if anything would change")
    add_json(command)


def _init(options: argparse.Namespace) -> int:
    from ...keys import init

    made = init.init(options.config, options.account, options.dry_run)
    changed = [each for each in made if each.change != "same"]
    steps = init.next_steps(options.config)
    if options.json:
        print(json.dumps({"made": [each.as_json() for each in made], "next": steps}))
    else:
        for each in changed:
            command = f"  ({each.command})" if each.command else ""
            print(f"{each.change:<8}{printable(each.what.encode())}{printable(command.encode())}")
        numbered = [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
        print("\n".join(["Next:", *numbered]), file=sys.stderr)
    return exits.NO if options.dry_run and changed else exits.YES
