"""collect: fetch what is new of many clients' logs, prove and store it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from ...audit import inventory
from ...audit.collect import JOBS, Outcome, collect
from ...guardctl.explain import printable
from ..progress import Progress
from .common import Problem, add_json, add_store, new_command, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...audit.collect import Visit
    from ...audit.inventory import Host
    from ...audit.store import Store
    from .common import Commands

MOST_JOBS = 64  # threads of one process: more only waits


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "collect",
                          "fetch, prove and store what is new of the clients' logs", _collect)
    add_store(command)
    command.add_argument("--inventory", metavar="FILE", required=True,
                         help="TOML with [hosts.NAME]: address, port, user, key, known_hosts")
    command.add_argument("--jobs", metavar="N", type=int, default=JOBS,
                         help="clients at a time (default %(default)s)")
    command.add_argument("--dry-run", action="store_true",
                         help="say what would be asked of whom, and ask nobody")
    add_json(command)
    command.add_argument("host", metavar="HOST", nargs="*", help="these hosts only")


def _collect(options: argparse.Namespace) -> int:
    if not 1 <= options.jobs <= MOST_JOBS:
        raise Problem(f"--jobs takes a number from 1 to {MOST_JOBS}")
    hosts = inventory.load(options.inventory)
    unknown = set(options.host) - {host.name for host in hosts}
    if unknown:
        raise Problem(f"{options.inventory}: names no host {' '.join(sorted(unknown))}")
    wanted = [host for host in hosts if not options.host or host.name in options.host]
    if options.dry_run:
        return _tell_what_would_be(wanted, open_store(options), options.json)
    clean = True
    with Progress("collecting", len(wanted)) as progress:
        for made in collect(wanted, open_store(options), options.jobs):
            progress.step(made.host)
            clean = clean and made.outcome == Outcome.COLLECTED
            print(json.dumps(made.as_json()) if options.json else _in_words(made), flush=True)
    return exits.YES if clean else exits.NO


def _tell_what_would_be(hosts: Sequence[Host], store: Store, as_json: bool) -> int:
    for host in hosts:
        first = store.host(host.name).next_record()
        if as_json:
            print(json.dumps({"host": host.name, "address": host.address, "port": host.port,
                              "user": host.user, "from": first}))
        else:
            print(f"{host.name}: would ask {host.user}@{host.address}, port {host.port}, for"
                  f" records from {first} on")
    return exits.YES


def _in_words(made: Visit) -> str:
    text = f"{made.host}: {made.outcome}: {made.records} new records of {made.total}"
    if made.outcome == Outcome.COLLECTED and not made.proved:
        text += ", by the chain alone: its K_0 is not known"
    if made.text:
        text += f"; {printable(made.text.encode())}"
    return "\n  ".join([text, *(f"{f.severity}: {printable(f.text.encode())}"
                                for f in made.findings)])
