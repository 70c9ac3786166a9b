"""bpc-ssh-keys: what keeps one key per client and purpose on the backup server."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from ... import __version__, exits
from ...keys.config import ConfigError
from ...keys.store import StoreError
from ...keys.trouble import Trouble
from ..commands import add_completion
from . import age, ca, export, grant, hostkey, look, rebuild, render, revoke, rotate
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..commands import Handler

# Each module has add(commands); a new command is one more module here.
MODULES = (
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
)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    options = parser().parse_args(argv)
    handler: Handler = options.handler
    try:
        return handler(options)
    except (Problem, ConfigError, StoreError, Trouble) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()  # who read our output has enough
    except OSError as error:
        print(f"{PROGRAM}: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
    return exits.COULD_NOT_RUN


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Keep one ssh key per BackupPC client and purpose, and replace it in time.",
        epilog="exit status: 0 done, 1 something failed or would change, 2 could not run",
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=20),
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for module in MODULES:
        module.add(commands)
    add_completion(commands, parser)
    return top
