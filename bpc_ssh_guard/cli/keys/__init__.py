"""bpc-ssh-keys: what keeps one key per client and purpose on the backup server."""

from __future__ import annotations

import argparse
import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ...keys.config import ConfigError
from ...keys.store import StoreError
from ...keys.trouble import Trouble
from .. import program
from ..commands import add_completion
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

# The module of each command; it has add(commands). A run imports that of the chosen command alone:
# all of them took a third of the time until a command began.
MODULES: Final = {
    "init": "init",
    "enroll": "enroll",
    "rotate": "rotate",
    "resume": "rotate",
    "list": "look",
    "verify": "look",
    "age": "age",
    "grant": "grant",
    "ungrant": "grant",
    "revoke": "revoke",
    "rollback": "revoke",
    "rebuild": "rebuild",
    "hostkey": "hostkey",
    "render": "render",
    "ca": "ca",
    "export": "export",
    "doctor": "doctor",
}

# New objects until the next search for cycles among them. A connection leaves few of those, and by
# Python's 700 the search took a twentieth of a rotation's CPU time.
_GARBAGE: Final = 20_000

PROBLEMS = (Problem, ConfigError, StoreError, Trouble)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    gc.set_threshold(_GARBAGE)
    return program.run(parser(*argv[:1]), argv, PROBLEMS)


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser(chosen: str = "") -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it.

    Where CHOSEN is a command it knows the commands of its module alone.
    """
    top = program.new_parser(
        PROGRAM, "Keep one ssh key per BackupPC client and purpose, and replace it in time.",
        "0 done, 1 something failed or would change, 2 could not run",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for name in [MODULES[chosen]] if chosen in MODULES else dict.fromkeys(MODULES.values()):
        import_module(f".{name}", __package__).add(commands)
    add_completion(commands, parser)
    return top
