"""revoke: take a key out, or replace the one in use at once; rollback: take a rotation back."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from ...keys import fleet, revoke
from ...keys.certificates.drift import Known
from ...keys.config import Channel, Purpose
from ...keys.files import group_of
from ...keys.grants import ungrant
from ...keys.journal import Entry
from ...keys.record import Outcome, Record
from ...keys.rotate import Rotation, Wish
from .common import (
    Problem,
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
    from ...keys.client import Client
    from ...keys.config import Config, Host
    from ...keys.fleet import Tell, Work
    from ...keys.store import Store
    from .common import Commands, Wanted

_KEY_ID = re.compile("(?:cert-)?[0-9a-f]{32}", re.ASCII)


def add(commands: Commands) -> None:
    """Add the commands."""
    command = new_command(commands, "revoke", "take a key out of the clients", _revoke)
    _add_common(command)
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", metavar="KEYID", help="this key or authority, which is not in use")
    which.add_argument("--emergency", action="store_true",
                       help="the keys in use, replaced by new ones at once")
    _add_common(new_command(commands, "rollback", "take rotations under way back", _rollback))


def _add_common(command: argparse.ArgumentParser) -> None:
    add_config(command)
    add_selection(command)
    add_jobs(command)
    command.add_argument("--dry-run", action="store_true", help="show what would be done")
    add_json(command)


def _revoke(options: argparse.Namespace) -> int:
    if not options.host:
        raise Problem("say whose key with --host; all hosts at once are replaced by rotate")
    if options.key is not None and not _KEY_ID.fullmatch(options.key):
        raise Problem(f"{options.key!a} is no KEYID: 32 hexadecimal digits, as list shows them,"
                      " of an authority behind cert-")
    config = load_config(options)
    store, group, known = open_store(config), group_of(config.reader), Known(config)

    def take_out(client: Client, label: str, tell: Tell) -> Record:
        if revoke.find(client, label, options.key) is None:
            return _unchanged(client.host, label)
        return revoke.revoke(client, label, options.key, store, known)

    def replace(client: Client, label: str, tell: Tell) -> Record:
        if client.host.purpose_of(label) == Purpose.RESTORE:
            tell(ungrant(client, label, store).step_of())
            client.forget()  # its lines have ended by that
        # One that is under way ends with a key that lay beside the stolen one.
        Rotation(client, label, store, group, tell).run(Wish(begin=False, soak=0))
        client.forget()
        return Rotation(client, label, store, group, tell).run(Wish(begin=True, soak=0))

    def foretell(client: Client, label: str, tell: Tell) -> Record:
        key = revoke.find(client, label, options.key)
        if key is None:
            return _unchanged(client.host, label)
        return Record(client.host.name, label, "", Outcome.WOULD, key.generation or 0, key.key,
                      text="would take the key out")

    wanted = select(options, config, Channel.KEY if options.emergency else None)
    if options.emergency and options.dry_run:
        return _foretell(options, wanted, store, "would replace the key, and take it out at once")
    work = replace if options.emergency else foretell if options.dry_run else take_out
    return _run(options, config, wanted, work, "revoking")


def _rollback(options: argparse.Namespace) -> int:
    config = load_config(options)
    store, group = open_store(config), group_of(config.reader)

    def work(client: Client, label: str, tell: Tell) -> Record:
        return revoke.roll_back(client, label, store, group)

    wanted = select(options, config)
    if options.dry_run:
        pending = {(each.host, each.label) for each in store.entries() if not each.is_idle}
        found = [(host, [label for label in labels if (host.name, label) in pending])
                 for host, labels in wanted]
        return _foretell(options, found, store, "would take the rotation back, to this key")
    return _run(options, config, wanted, work, "rolling back")


def _run(
    options: argparse.Namespace, config: Config, wanted: Wanted, work: Work, title: str
) -> int:
    records = fleet.run(config, wanted, require_jobs(options), work)
    return show(records, wanted, options.json, title)


def _foretell(options: argparse.Namespace, wanted: Wanted, store: Store, text: str) -> int:
    """Tell that TEXT would be done to each label of WANTED, with the key that the store has."""
    entries = {(entry.host, entry.label): entry for entry in store.entries()}
    records = []
    for host, label in ((host, label) for host, labels in wanted for label in labels):
        entry = entries.get((host.name, label), Entry(host.name, label))
        records.append(Record(host.name, label, "", Outcome.WOULD, entry.generation, entry.key,
                              text=text))
    return show(records, wanted, options.json, "")


def _unchanged(host: Host, label: str) -> Record:
    return Record(host.name, label, "", Outcome.UNCHANGED, text="has no such key")
