"""list: the keys that the clients have; verify: where clients, files and store differ."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...keys import fleet, verify
from ...keys.certificates.drift import Known
from ...keys.config import Channel
from ...keys.grants import at
from ...keys.record import Outcome, Record, counted
from .common import (
    add_config,
    add_jobs,
    add_json,
    add_selection,
    load_config,
    new_command,
    open_store,
    require_jobs,
    select,
    show,
)

if TYPE_CHECKING:
    from ...keys.answer import Key
    from ...keys.client import Client
    from ...keys.fleet import Tell, Work
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the commands."""
    _add_common(new_command(commands, "list", "ask the clients for their keys", _list))
    command = new_command(commands, "verify", "find where clients, files and store differ", _verify)
    _add_common(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    add_config(command)
    add_selection(command)
    add_jobs(command)
    add_json(command)


def _list(options: argparse.Namespace) -> int:
    def work(client: Client, label: str, tell: Tell) -> Record:
        listed = client.list()
        authorities = [each for each in listed.authorities if each.label == label]
        for key in [*listed.of(label), *authorities]:
            tell(_record(client.host.name, key))
        grants = [f"a grant is open until {at(grant.until)}" for grant in listed.grants
                  if grant.label == label]
        counts = [counted(len(listed.of(label)), "key", "keys")]
        if authorities or client.host.channel == Channel.CERTIFICATE:
            counts.append(counted(len(authorities), "authority", "authorities"))
        text = "; ".join([*counts, *grants])
        return Record(client.host.name, label, "", Outcome.LISTED, text=text)

    return _run(options, work, "listing")


def _verify(options: argparse.Namespace) -> int:
    config = load_config(options)
    store, known = open_store(config), Known(config)
    store.check()

    def work(client: Client, label: str, tell: Tell) -> Record:
        return verify.verify(client, label, store, known, tell)

    return _run(options, work, "verifying")


def _run(options: argparse.Namespace, work: Work, title: str) -> int:
    config = load_config(options)
    wanted = select(options, config, None)
    records = fleet.run(config, wanted, require_jobs(options), work, exclusive=False)
    return show(records, wanted, options.json, title)


def _record(host: str, key: Key) -> Record:
    words = ["staged" if key.staged else "confirmed"]
    if key.generation is None:
        words = ["not managed"]
    if key.until is not None:
        words.append(f"until {at(key.until)}")
    words.append(f"proven {at(key.proven)}" if key.proven is not None else "not proven")
    if key.used is not None:
        words.append(f"used {at(key.used)}")
    about = {"staged": key.staged, "until": key.until, "proven": key.proven, "used": key.used,
             "consistent": key.consistent}
    return Record(host, key.label, "", Outcome.FOUND, key.generation or 0, key.key,
                  text=", ".join(words), about=about)
