"""render: write the files that BackupPC's ssh reads, and show the settings that name them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl.explain import printable
from ...keys.render import render, settings
from .common import add_config, add_json, load_config, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands, "render", "write what BackupPC's ssh reads, and show its settings", _render
    )
    add_config(command)
    command.add_argument("--dry-run", action="store_true",
                         help="change nothing: 1 if anything would change")
    add_json(command)


def _render(options: argparse.Namespace) -> int:
    config = load_config(options)
    files, lines = render(config, options.dry_run), settings(config)
    changed = [each for each in files if each.change != "same"]
    if options.json:
        print(json.dumps({"files": [each.as_json() for each in files], "settings": lines}))
    else:
        for each in changed:
            print(f"{each.change:<8}{printable(str(each.path).encode())}")
        print("\n".join(["# For BackupPC's config.pl, behind what is there:", *lines]))
    return exits.NO if options.dry_run and changed else exits.YES
