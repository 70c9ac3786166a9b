"""bpc-ssh-guardctl: what the admin of one client does with the guard, by hand or by script."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from ... import __version__, exits
from ...errors import GuardFailure
from ...guardctl.authorize import AuthorizeError
from ...guardctl.grant import GrantError
from ...guardctl.install import InstallError
from ...guardctl.log import LogError
from ..commands import add_completion
from . import authorize, check, doctor, explain, grant, installing, log, suggest
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .common import Handler


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    options = parser().parse_args(argv)
    handler: Handler = options.handler
    try:
        return handler(options)
    except (
        GuardFailure, Problem, InstallError, AuthorizeError, GrantError, LogError
    ) as error:
        detail = error.detail if isinstance(error, GuardFailure) else str(error)
        print(f"{PROGRAM}: {detail}", file=sys.stderr)
    except OSError as error:
        print(f"{PROGRAM}: {error.filename}: {error.strerror}", file=sys.stderr)
    return exits.COULD_NOT_RUN


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Install, check and explain the forced command for BackupPC's ssh key.",
        epilog="exit status: 0 yes, 1 no or findings, 2 could not run",
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=20),
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for add in (
        installing.add_install, installing.add_bundle, check.add, explain.add, authorize.add,
        suggest.add, grant.add, log.add, doctor.add,
    ):
        add(commands)
    add_completion(commands, parser)
    return top
