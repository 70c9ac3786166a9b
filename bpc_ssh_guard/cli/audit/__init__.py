"""bpc-ssh-audit: what an auditor without root does with the command logs of many machines."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from ... import __version__, exits
from ...audit.engine.duck import EngineError
from ...audit.inventory import InventoryError
from ...audit.keystore import KeyStoreError
from ...audit.store import StoreError
from ..commands import add_completion
from . import collect, diff, export, key, keys, replay, report, search, tail, verify
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..commands import Handler

MODULES = (collect, verify, report, diff, search, tail, keys, replay, export, key)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    options = parser().parse_args(argv)
    handler: Handler = options.handler
    try:
        return handler(options)
    except (Problem, EngineError, InventoryError, KeyStoreError, StoreError) as error:
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
        description="Collect, prove and search the command logs of bpc-ssh-guard.",
        epilog="exit status: 0 clean, 1 findings, 2 could not run or prove",
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=20),
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for module in MODULES:
        module.add(commands)
    add_completion(commands, parser)
    return top
