"""bpc-ssh-audit: what an auditor without root does with the command logs of many machines."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ...audit.engine.duck import EngineError
from ...audit.inventory import InventoryError
from ...audit.keystore import KeyStoreError
from ...audit.store import StoreError
from .. import program
from ..commands import add_completion
from . import collect, diff, export, key, keys, replay, report, search, tail, verify
from .common import PROGRAM, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES = (collect, verify, report, diff, search, tail, keys, replay, export, key)

PROBLEMS = (Problem, EngineError, InventoryError, KeyStoreError, StoreError)


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    return program.run(parser(), argv, PROBLEMS)


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = program.new_parser(
        PROGRAM, "Collect, prove and search the command logs of bpc-ssh-guard.",
        "0 clean, 1 findings, 2 could not run or prove",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for module in MODULES:
        module.add(commands)
    add_completion(commands, parser)
    return top
