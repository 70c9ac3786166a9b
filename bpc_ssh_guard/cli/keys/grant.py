"""grant: open the hours in which a restore key works; ungrant: close them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...duration import in_words
from ...keys import fleet, grants
from ...keys.record import Outcome, Record
from .common import (
    Problem,
    add_config,
    add_json,
    duration,
    load_config,
    new_command,
    open_store,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...keys.client import Client
    from ...keys.fleet import Tell
    from ...keys.store import Store
    from .common import Commands

    Act = Callable[[Client, str, Store], Record]


def add(commands: Commands) -> None:
    """Add the commands."""
    command = new_command(commands, "grant", "open the hours in which a key restores", _grant)
    _add_common(command)
    command.add_argument("--for", dest="duration", metavar="TIME",
                         default=in_words(grants.DEFAULT), help="90m, 2h (default %(default)s)")
    command.add_argument("--dry-run", action="store_true", help="show what would be done")
    _add_common(new_command(commands, "ungrant", "close what grant has opened", _ungrant))


def _add_common(command: argparse.ArgumentParser) -> None:
    add_config(command)
    add_json(command)
    command.add_argument("label", metavar="LABEL", help="a label or purpose, as restore")
    command.add_argument("host", metavar="HOST", nargs="+", help="the hosts")


def _grant(options: argparse.Namespace) -> int:
    seconds = duration("--for", options.duration)
    if not grants.SHORTEST <= seconds <= grants.LONGEST:
        raise Problem("--for takes 1m to 24h; a longer grant is for bpc-ssh-guardctl grant on the"
                      " client")

    def act(client: Client, label: str, store: Store) -> Record:
        if options.dry_run:
            text = f"would open it for {in_words(seconds)}"
            return Record(client.host.name, label, "", Outcome.WOULD, text=text)
        return grants.grant(client, label, seconds, store)

    return _run(options, act)


def _ungrant(options: argparse.Namespace) -> int:
    return _run(options, grants.ungrant)


def _run(options: argparse.Namespace, act: Act) -> int:
    config = load_config(options)
    wanted = []
    for name in options.host:
        host = config.hosts.get(name)
        if host is None:
            raise Problem(f"{config.path}: names no host {name}; write [host.{name}]")
        label = host.labels.get(options.label, options.label)
        if label not in host.labels.values():
            raise Problem(f"{config.path}: {name} has no label {options.label}")
        wanted.append((host, [label]))
    store = open_store(config)

    def work(client: Client, label: str, tell: Tell) -> Record:
        return act(client, label, store)

    return show(fleet.run(config, wanted, fleet.JOBS, work), wanted, options.json, "granting")
