"""rebuild: make the store anew from the key files and what the clients list."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...keys import fleet, rebuild
from .common import (
    add_config,
    add_jobs,
    add_json,
    add_selection,
    load_config,
    new_command,
    require_jobs,
    select,
    show,
    warn,
)

if TYPE_CHECKING:
    from ...keys.client import Client
    from ...keys.fleet import Tell
    from ...keys.record import Record
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "rebuild", "make the store anew from files and clients",
                          _rebuild)
    add_config(command)
    add_selection(command)
    add_jobs(command)
    add_json(command)


def _rebuild(options: argparse.Namespace) -> int:
    config = load_config(options)
    wanted = select(options, config)
    store, said = rebuild.open_or_begin(config.database)
    if said:
        warn(said)

    def work(client: Client, label: str, tell: Tell) -> Record:
        return rebuild.rebuild(client, label, store)

    records = fleet.run(config, wanted, require_jobs(options), work)
    return show(records, wanted, options.json, "rebuilding")
