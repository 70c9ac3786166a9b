"""bpc-ssh-guardctl: what the admin of one client does with the guard, by hand or by script."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ...guardctl.authorize import AuthorizeError
from ...guardctl.grant import GrantError
from ...guardctl.install import InstallError
from ...guardctl.key import RotationError
from ...guardctl.log import LogError
from .. import program
from ..commands import add_completion
from . import authorize, check, doctor, explain, grant, installing, key, log, suggest
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence


PROBLEMS = (Problem, InstallError, AuthorizeError, GrantError, LogError, RotationError)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    return program.run(parser(), argv, PROBLEMS)


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = program.new_parser(
        PROGRAM, "Install, check and explain the forced command for BackupPC's ssh key.",
        "0 yes, 1 no or findings, 2 could not run",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND ARGUMENT", required=True)
    for add in (
        installing.add_install, installing.add_bundle, check.add, explain.add, authorize.add,
        suggest.add, grant.add, key.add, log.add, doctor.add,
    ):
        add(commands)
    add_completion(commands, parser)
    return top
