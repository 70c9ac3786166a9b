"""hostkey: store the key that a client is known by, replace it, and see whether it is shown."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from .common import Problem, add_config, add_json, load_config, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "hostkey", "store and check the keys of hosts", _hostkey)
    add_config(command)
    command.add_argument("action", metavar="ACTION", choices=("pin", "rotate", "verify"),
                         help="pin, rotate or verify: 1 if another key is shown")
    command.add_argument("name", metavar="HOST", help="a host of the configuration")
    command.add_argument("--fingerprint", metavar="SHA256:...",
                         help="of the host's Ed25519 key, from its own console")
    add_json(command)


def _hostkey(options: argparse.Namespace) -> int:
    from ...keys import hostkeys

    config = load_config(options)
    if options.name not in config.hosts:
        raise Problem(f"{config.path}: names no host {options.name}; write [host.{options.name}]")
    host = config.hosts[options.name]
    if options.action == "verify":
        found = hostkeys.verify(config, host)
    elif options.action == "rotate" and not options.fingerprint:
        raise Problem("rotate needs --fingerprint: the one that is configured is the old one's")
    else:
        found = hostkeys.pin(config, host, options.fingerprint, options.action == "rotate")
    print(json.dumps(found.as_json()) if options.json else
          f"{found.host}: {found.result}, {found.fingerprint}")
    return exits.NO if found.result == "different" else exits.YES
