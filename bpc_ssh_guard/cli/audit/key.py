"""key: keep K_0 of a chain, which proves who made the records."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import TYPE_CHECKING

from ... import exits
from .common import Problem, add_json, add_store, new_command, open_store

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "key", "store the key of a log, or list those stored", _key)
    add_store(command)
    add_json(command)
    command.add_argument("--list", action="store_true", help="show whose keys are stored")
    command.add_argument("chain", metavar="CHAIN", nargs="?",
                         help="store the key of this chain, read from standard input")


def _key(options: argparse.Namespace) -> int:
    keys = open_store(options).keys
    if options.list:
        chains = keys.chains()
        if options.json:
            print(json.dumps(chains))
        for chain in () if options.json else chains:
            print(chain)
        return exits.YES
    if options.chain is None:
        raise Problem("say which chain: bpc-ssh-audit key CHAIN, as log init showed it")
    secret = getpass.getpass("K_0: ") if sys.stdin.isatty() else sys.stdin.readline()
    keys.add(options.chain, secret.strip())
    return exits.YES
