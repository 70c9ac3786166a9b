"""What the commands of bpc-ssh-guardctl have in common: options, the policy, problems."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ...policy import load
from ...policy.model import DEFAULT_PATH
from ..commands import add_json, new_command

if TYPE_CHECKING:
    from ...policy.model import Policy
    from ..commands import Commands, Handler

__all__ = [
    "PROGRAM", "Commands", "Handler", "Problem", "add_json", "add_policy", "load_policy",
    "new_command",
]

PROGRAM = "bpc-ssh-guardctl"


class Problem(Exception):
    """The command could not run; the text says why and what to do."""


def add_policy(command: argparse.ArgumentParser) -> None:
    """Add --policy."""
    command.add_argument("--policy", metavar="FILE", default=os.fsdecode(DEFAULT_PATH),
                         help="policy file (default %(default)s)")


def load_policy(options: argparse.Namespace) -> Policy:
    """Return the policy that --policy names; raises GuardFailure(bad-policy)."""
    return load.load(os.fsencode(os.path.abspath(options.policy)))
