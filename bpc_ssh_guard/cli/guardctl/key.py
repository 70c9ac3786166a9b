"""key: ask for what a rotation key may ask for, as root on the client."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ...guardctl import key
from .common import PROGRAM, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "key", "list, stage, confirm or retire keys as a rotation key does", _key
    )
    add_policy(command)
    command.add_argument("label", metavar="LABEL", help="label of the rotation key")
    command.add_argument("request", metavar="REQUEST", nargs="+",
                         help="a request of bpc-ssh-keys-protocol(7), as list")


def _key(options: argparse.Namespace) -> int:
    outcome = key.ask(load_policy(options), options.label, options.request)
    if outcome.words:
        print(f"{PROGRAM}: {outcome.words}", file=sys.stderr)
    return outcome.status
