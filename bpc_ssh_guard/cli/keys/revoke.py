"""revoke: take a key out, or replace the one in use at once; rollback: take a rotation back."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Optional

from ... import exits
from ...keys import fleet, revoke
from ...keys.certificates.drift import Known
from ...keys.config import Channel, Purpose
from ...keys.files import group_of
from ...keys.grants import ungrant
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
    from ...keys.fleet import Tell, Work
    from .common import Commands

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
            return Record(client.host.name, label, "", Outcome.UNCHANGED, text="has no such key")
        return revoke.revoke(client, label, options.key, store, known)

    def replace(client: Client, label: str, tell: Tell) -> Record:
        if client.host.purpose_of(label) == Purpose.RESTORE:
            tell(ungrant(client, label, store).step_of())
            client.forget()  # its lines have ended by that
        # One that is under way ends with a key that lay beside the stolen one.
        Rotation(client, label, store, group, tell).run(Wish(begin=False, soak=0))
        client.forget()
        return Rotation(client, label, store, group, tell).run(Wish(begin=True, soak=0))

    if options.emergency:
        return _run(options, replace, "revoking")
    return _run(options, take_out, "revoking", channel=None)


def _rollback(options: argparse.Namespace) -> int:
    config = load_config(options)
    store, group = open_store(config), group_of(config.reader)

    def work(client: Client, label: str, tell: Tell) -> Record:
        return revoke.roll_back(client, label, store, group)

    return _run(options, work, "rolling back")


def _run(
    options: argparse.Namespace, work: Work, title: str, channel: Optional[str] = Channel.KEY
) -> int:
    config = load_config(options)
    wanted = select(options, config, channel)
    if options.dry_run:
        foretold = [Record(host.name, label, "", Outcome.WOULD, text=f"would begin {title}")
                    for host, labels in wanted for label in labels]
        show(foretold, wanted, options.json, "")
        return exits.NO if foretold else exits.YES
    records = fleet.run(config, wanted, require_jobs(options), work)
    return show(records, wanted, options.json, title)
