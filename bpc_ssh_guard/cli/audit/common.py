"""What the commands of bpc-ssh-audit share: the store, the logs to read, problems."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ...audit.records import Reader
from ...audit.segments import segments_in
from ...audit.store import Store
from ..commands import add_json, new_command
from ..progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit.records import Record
    from ...audit.segments import Segment
    from ...audit.store import HostStore
    from ..commands import Commands, Handler

__all__ = [
    "PROGRAM", "Commands", "Handler", "Log", "Problem", "add_json", "add_logs", "add_store",
    "logs", "logs_and_losses", "new_command", "open_store", "records", "tell", "tell_left_out",
]

PROGRAM = "bpc-ssh-audit"
DEFAULT_STORE = "/var/lib/bpc-ssh-audit"


class Problem(Exception):
    """The command could not run; the text says why and what to do."""


@dataclass(frozen=True)
class Log:
    """A log as it was named, and its segments; `place` is where in the store it is, if it is."""

    name: str
    segments: Sequence[Segment]
    place: Optional[HostStore] = None


def add_store(command: argparse.ArgumentParser) -> None:
    """Add --store."""
    command.add_argument("--store", metavar="DIR", default=DEFAULT_STORE,
                         help="where collected logs and keys are (default %(default)s)")


def add_logs(command: argparse.ArgumentParser) -> None:
    """Add the logs to read: folders, or hosts of the store."""
    add_store(command)
    command.add_argument("log", metavar="LOG", nargs="*",
                         help="a host of the store, or a log folder (default: all hosts)")


def open_store(options: argparse.Namespace) -> Store:
    """Return the store that --store names."""
    return Store(options.store)


def tell(text: str) -> None:
    """Say TEXT on standard error."""
    print(f"{PROGRAM}: {text}", file=sys.stderr)


def logs(options: argparse.Namespace) -> list[Log]:
    """Return the logs that OPTIONS name, as far as they have records; raises Problem, StoreError.

    Hosts of the store that were never collected are told and left out.
    """
    return [log for log in logs_and_losses(options) if log.segments]


def logs_and_losses(options: argparse.Namespace) -> list[Log]:
    """Return what `logs` does, and hosts of which nothing is left that was once collected."""
    found = []
    for log in _all_logs(options):
        if log.segments or (log.place and log.place.witnesses()):
            found.append(log)
        else:
            tell(f"{log.name}: nothing is collected of it yet")
    return found


def _all_logs(options: argparse.Namespace) -> list[Log]:
    store = open_store(options)
    if options.log:
        return [_named(name, store) for name in options.log]
    found = [Log(name, store.host(name).segments(), store.host(name)) for name in store.hosts()]
    if not any(log.segments for log in found):
        raise Problem(f"{store.folder}: no log is collected there; bpc-ssh-audit collect does it")
    return found


def _named(name: str, store: Store) -> Log:
    """Return the log NAME: a host of STORE, or a folder, which may be one of a host's, too."""
    if os.sep not in name and store.has(name):
        place: Optional[HostStore] = store.host(name)
        folder = store.host(name).segments_folder
    elif os.path.isdir(name):
        folder = name
        above = os.path.relpath(os.path.realpath(name), os.path.realpath(store.folder))
        host = above.split(os.sep)[0]
        place = store.host(host) if store.has(host) else None
    else:
        store.host(name)  # says what is wrong with the name
        raise Problem(f"{name}: neither a host of {store.folder} nor a folder")
    found = segments_in(folder)
    if not found:
        raise Problem(f"{folder}: there is no log; segments are named commands-NUMBER.jsonl")
    return Log(name, found, place)


def records(options: argparse.Namespace, streams: bool = False) -> Iterator[Record]:
    """Yield the records of the logs that OPTIONS name; tell how many lines are none.

    STREAMS: what is done with them prints lines all the while.
    """
    chosen = logs(options)
    with Progress("read", sum(len(log.segments) for log in chosen), streams) as progress:
        for log in chosen:
            reader = Reader(progress.over(log.segments, log.name))
            yield from reader
            tell_left_out(log.name, reader.left_out)


def tell_left_out(name: str, lines: int) -> None:
    """Tell that LINES of the log NAME are no records, if any are."""
    if lines:
        tell(f"{name}: {lines} lines are no records; verify tells what they are")
