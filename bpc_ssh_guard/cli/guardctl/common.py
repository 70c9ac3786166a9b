"""What the commands of bpc-ssh-guardctl have in common: options, the policy, problems."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ...policy import load
from ...policy.model import DEFAULT_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...policy.model import Policy

    Handler = Callable[[argparse.Namespace], int]
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

PROGRAM = "bpc-ssh-guardctl"


class Problem(Exception):
    """The command could not run; the text says why and what to do."""


def new_command(
    commands: Commands, name: str, text: str, handler: Handler
) -> argparse.ArgumentParser:
    """Return the parser of the new command NAME, which HANDLER serves; TEXT is its help."""
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.set_defaults(handler=handler)
    return command


def add_policy(command: argparse.ArgumentParser) -> None:
    """Add --policy."""
    command.add_argument("--policy", metavar="FILE", default=os.fsdecode(DEFAULT_PATH),
                         help="policy file (default %(default)s)")


def add_json(command: argparse.ArgumentParser) -> None:
    """Add --json."""
    command.add_argument("--json", action="store_true", help="JSON on standard output")


def load_policy(options: argparse.Namespace) -> Policy:
    """Return the policy that --policy names; raises GuardFailure(bad-policy)."""
    return load.load(os.fsencode(os.path.abspath(options.policy)))
