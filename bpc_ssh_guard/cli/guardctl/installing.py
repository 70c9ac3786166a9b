"""install, uninstall, bundle: put the client's part where it runs from, or take it away."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl import bundle, install
from .common import new_command

if TYPE_CHECKING:
    from .common import Commands


def add_install(commands: Commands) -> None:
    for name, text, handler in (
        ("install", "copy the guard and its launchers below PREFIX", _install),
        ("uninstall", "remove what install has put below PREFIX", _uninstall),
    ):
        command = new_command(commands, name, text, handler)
        command.add_argument("--prefix", default="/usr", help="(default %(default)s)")
        command.add_argument("--destdir", default="", metavar="DIR",
                             help="write below DIR instead of /, for packages")
        command.add_argument("--dry-run", action="store_true", help="only show the paths")


def _install(options: argparse.Namespace) -> int:
    written = install.install(
        options.prefix, destdir=options.destdir, dry_run=options.dry_run
    )
    print("\n".join(written))
    if not options.dry_run:
        sys.stderr.write(install.next_steps(options.prefix))
    return exits.YES


def _uninstall(options: argparse.Namespace) -> int:
    removed = install.uninstall(
        options.prefix, destdir=options.destdir, dry_run=options.dry_run
    )
    print("\n".join(removed))
    return exits.YES if removed else exits.NO


def add_bundle(commands: Commands) -> None:
    command = new_command(
        commands, "bundle", "write guard and guardctl as single files into DIR", _bundle
    )
    command.add_argument("directory", metavar="DIR")


def _bundle(options: argparse.Namespace) -> int:
    print("\n".join(bundle.bundle(options.directory)))
    return exits.YES
