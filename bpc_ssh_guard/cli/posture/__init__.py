"""bpc-ssh-posture: a BackupPC server held against BackupPC's own security FAQ."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ...backuppc.layout import NoBackupPC
from ...posture.baseline import BaselineError
from ...posture.waivers import WaiverError
from .. import program
from ..commands import add_completion
from . import audit, explain, fix, probe, secrets
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each module has add(commands); a new command is one more module here.
MODULES = (audit, explain, fix, probe, secrets)

PROBLEMS = (Problem, BaselineError, NoBackupPC, WaiverError)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    return program.run(parser(), argv, PROBLEMS)


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = program.new_parser(
        PROGRAM, "Hold a BackupPC server against BackupPC's own security FAQ.",
        "0 no finding, 1 findings, 2 could not run",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for module in MODULES:
        module.add(commands)
    add_completion(commands, parser)
    return top
