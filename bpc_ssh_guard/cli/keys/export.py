"""export: hosts and keys for other programs."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from ...keys import export
from .common import add_config, load_config, new_command, open_store

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "export", "print hosts and keys for other programs", _export)
    add_config(command)
    form = command.add_mutually_exclusive_group(required=True)
    form.add_argument("--json", action="store_true", help="one object, without any secret")


def _export(options: argparse.Namespace) -> int:
    config = load_config(options)
    print(json.dumps(export.as_json(config, open_store(config).entries()), indent=2))
    return exits.YES
