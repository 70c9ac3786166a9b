"""suggest: print the policy lines that would admit what was refused."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl import suggest
from ...record import read as log
from .common import add_json, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "suggest", "print the policy lines that would admit what was refused", _suggest
    )
    add_policy(command)
    add_json(command)


def _suggest(options: argparse.Namespace) -> int:
    policy = load_policy(options)
    found = suggest.suggest(policy, log.read(os.fsdecode(policy.log)))
    if options.json:
        print(json.dumps([suggestion.as_json() for suggestion in found], indent=2))
    else:
        for each in found:
            print(f"Key {each.label}\n    {each.line}")
            print(f"    # opens: {each.opens}")
            print(f"    # refused {each.refusals} times, last {each.last}")
    return exits.NO if found else exits.YES
