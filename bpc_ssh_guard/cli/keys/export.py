"""export: hosts and keys for other programs."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ... import exits
from ...keys import export, inventory
from .common import Problem, add_config, load_config, new_command, open_store

if TYPE_CHECKING:
    from ...keys.config import Config
    from ...keys.journal import Entry
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "export", "print hosts and keys for other programs", _export)
    add_config(command)
    form = command.add_mutually_exclusive_group(required=True)
    form.add_argument("--json", action="store_true", help="one object, without any secret")
    form.add_argument("--ansible", action="store_true", help="a dynamic inventory of Ansible")
    part = command.add_mutually_exclusive_group()
    part.add_argument("--list", action="store_true", help="of --ansible: all hosts (default)")
    part.add_argument("--host", metavar="HOST", help="of --ansible: this host's variables alone")


def _export(options: argparse.Namespace) -> int:
    if options.json and (options.list or options.host is not None):
        raise Problem("--list and --host are parts of --ansible; --json has all")
    config = load_config(options)
    entries = open_store(config).entries()
    if options.json:
        found = export.as_json(config, entries)
    elif options.host is None:
        found = inventory.inventory(config, entries)
    else:
        found = _variables(config, options.host, entries)
    print(json.dumps(found, indent=2))
    return exits.YES


def _variables(config: Config, name: str, entries: list[Entry]) -> dict[str, Any]:
    if name not in config.hosts:
        raise Problem(f"{config.path}: names no host {name}; write [host.{name}]")
    known = {(entry.host, entry.label): entry for entry in entries}
    return inventory.variables_of(config, config.hosts[name], known)
