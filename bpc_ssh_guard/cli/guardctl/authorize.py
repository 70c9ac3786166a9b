"""authorize: compose the authorized_keys line of a key, or add it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ... import exits
from ...guardctl import authorize
from .common import Problem, add_json, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "authorize", "compose the authorized_keys line of a key, or add it", _authorize
    )
    add_policy(command)
    command.add_argument("label", metavar="LABEL", help="key label of the policy")
    command.add_argument("key", metavar="PUBLIC-KEY",
                         help="the key's .pub file; - for standard input")
    command.add_argument("--add", metavar="FILE", help="write the line into this authorized_keys")
    command.add_argument("--first", action="store_true",
                         help="with --add: only where LABEL has no line there yet")
    command.add_argument("--program", default=authorize.DEFAULT_PROGRAM, metavar="PATH",
                         help="the guard's launcher (default %(default)s)")
    command.add_argument("--dry-run", action="store_true", help="show the change, make none")
    add_json(command)


def _authorize(options: argparse.Namespace) -> int:
    if options.first and options.add is None:
        raise Problem("--first looks for a line in a file; name the file with --add")
    result = authorize.authorize(
        load_policy(options), options.label, authorize.read_key(options.key),
        program=options.program, path=options.add, first=options.first, dry_run=options.dry_run,
    )
    print(json.dumps(_members(result), indent=2) if options.json else result.shown)
    return exits.YES


def _members(result: authorize.Authorization) -> dict[str, Any]:
    return {
        "line": result.line,
        "path": result.path,
        "number": result.number,
        "changed": result.changed,
    }
