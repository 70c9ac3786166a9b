"""bpc-ssh-keys: what keeps one key per client and purpose on the backup server."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ...keys.config import ConfigError
from ...keys.store import StoreError
from ...keys.trouble import Trouble
from .. import program
from ..commands import add_completion
from . import (
    age,
    ca,
    doctor,
    enroll,
    export,
    grant,
    hostkey,
    init,
    look,
    rebuild,
    render,
    revoke,
    rotate,
)
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each module has add(commands); a new command is one more module here.
MODULES = (
    init,
    enroll,
    rotate,
    look,
    age,
    grant,
    revoke,
    rebuild,
    hostkey,
    render,
    ca,
    export,
    doctor,
)

PROBLEMS = (Problem, ConfigError, StoreError, Trouble)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    return program.run(parser(), argv, PROBLEMS)


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = program.new_parser(
        PROGRAM, "Keep one ssh key per BackupPC client and purpose, and replace it in time.",
        "0 done, 1 something failed or would change, 2 could not run",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for module in MODULES:
        module.add(commands)
    add_completion(commands, parser)
    return top
