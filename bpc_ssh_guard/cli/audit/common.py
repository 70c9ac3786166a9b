"""What the commands of bpc-ssh-audit share: the store, the logs to read, problems."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ...audit.segments import segments_in
from ...audit.store import Store
from ..commands import add_json, new_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.segments import Segment
    from ..commands import Commands, Handler

__all__ = [
    "PROGRAM", "Commands", "Handler", "Problem", "add_json", "add_logs", "add_store", "logs",
    "new_command", "open_store",
]

PROGRAM = "bpc-ssh-audit"
DEFAULT_STORE = "/var/lib/bpc-ssh-audit"


class Problem(Exception):
    """The command could not run; the text says why and what to do."""


def add_store(command: argparse.ArgumentParser) -> None:
    """Add --store."""
    command.add_argument("--store", metavar="DIR", default=DEFAULT_STORE,
                         help="where collected logs and keys are (default %(default)s)")


def add_logs(command: argparse.ArgumentParser) -> None:
    """Add the logs to read: folders, or hosts of the store."""
    add_store(command)
    command.add_argument("log", metavar="LOG", nargs="*",
                         help="a log folder or a host of the store (default: all its hosts)")


def open_store(options: argparse.Namespace) -> Store:
    """Return the store that --store names."""
    return Store(options.store)


def logs(options: argparse.Namespace) -> Iterator[tuple[str, list[Segment]]]:
    """Yield the name and the segments of each log that OPTIONS name; raises Problem."""
    store = open_store(options)
    for name in options.log or store.hosts():
        folder = name if os.path.isdir(name) else store.host(name).segments_folder
        if not os.path.isdir(folder):
            raise Problem(f"{name}: neither a folder nor a host of {options.store}")
        found = segments_in(folder)
        if not found:
            raise Problem(f"{folder}: there is no log; segments are named commands-NUMBER.jsonl")
        yield name, found
