"""rotate: replace keys by new ones; resume: end the rotations under way."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Optional

from ...duration import in_words
from ...keys import fleet
from ...keys.files import group_of
from ...keys.journal import Entry
from ...keys.record import Outcome, Record
from ...keys.rotate import Rotation, Wish, is_due
from .common import (
    add_config,
    add_jobs,
    add_json,
    add_selection,
    duration,
    load_config,
    new_command,
    open_store,
    require_jobs,
    select,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...keys.client import Client
    from ...keys.config import Host
    from ...keys.fleet import Tell
    from ...keys.store import Store
    from .common import Commands, Wanted


def add(commands: Commands) -> None:
    """Add the commands."""
    command = new_command(commands, "rotate", "replace keys by new ones, proven first", _rotate)
    _add_common(command)
    which = command.add_mutually_exclusive_group()
    which.add_argument("--older-than", metavar="AGE", help="keys in use for longer, as in 60d")
    which.add_argument("--due", action="store_true", help="keys older than their max_age")
    command.add_argument("--dry-run", action="store_true", help="show what would be done")
    command = new_command(commands, "resume", "end the rotations that are under way", _resume)
    _add_common(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    add_config(command)
    add_selection(command)
    add_jobs(command)
    soaking = command.add_mutually_exclusive_group()
    soaking.add_argument("--soak", metavar="TIME", help="how long the old key stays at most")
    soaking.add_argument("--emergency", action="store_true", help="take the old key out at once")
    add_json(command)


def _rotate(options: argparse.Namespace) -> int:
    config = load_config(options)
    wanted, store = select(options, config), open_store(config)
    older = duration("--older-than", options.older_than) if options.older_than else None
    entries = {(entry.host, entry.label): entry for entry in store.entries()}
    now = int(time.time())

    def limit(host: Host) -> Optional[int]:
        return host.max_age if options.due else older

    def is_wanted(host: Host, label: str) -> bool:
        entry = entries.get((host.name, label))
        return entry is None or not entry.is_idle or is_due(entry, limit(host), now)

    chosen = _narrowed(wanted, is_wanted)
    if options.dry_run:
        return _foretell(chosen, entries, options.json)
    return _run(options, chosen, store, lambda host: Wish(True, limit(host), _soak(options)))


def _resume(options: argparse.Namespace) -> int:
    config = load_config(options)
    wanted, store = select(options, config), open_store(config)
    pending = {(each.host, each.label) for each in store.entries() if not each.is_idle}
    chosen = _narrowed(wanted, lambda host, label: (host.name, label) in pending)
    return _run(options, chosen, store, lambda _: Wish(begin=False, soak=_soak(options)))


def _soak(options: argparse.Namespace) -> Optional[int]:
    if options.emergency:
        return 0
    return None if options.soak is None else duration("--soak", options.soak)


def _narrowed(wanted: Wanted, is_wanted: Callable[[Host, str], bool]) -> Wanted:
    found = [(host, [label for label in labels if is_wanted(host, label)])
             for host, labels in wanted]
    return [(host, labels) for host, labels in found if labels]


def _run(
    options: argparse.Namespace, wanted: Wanted, store: Store, wish: Callable[[Host], Wish]
) -> int:
    config = load_config(options)
    group = group_of(config.reader)

    def work(client: Client, label: str, tell: Tell) -> Record:
        return Rotation(client, label, store, group, tell).run(wish(client.host))

    _soak(options)  # what is wrong there is said before anything is done
    records = fleet.run(config, wanted, require_jobs(options), work)
    return show(records, wanted, options.json, "rotating")


def _foretell(wanted: Wanted, entries: dict[tuple[str, str], Entry], as_json: bool) -> int:
    records = [
        _foretold(host, label, entries.get((host.name, label)))
        for host, labels in wanted for label in labels
    ]
    return show(records, wanted, as_json, "")


def _foretold(host: Host, label: str, entry: Optional[Entry]) -> Record:
    if entry is None or not entry.key:
        return Record(host.name, label, "", Outcome.WOULD, text="would make the first key")
    number, key = entry.used
    if not entry.is_idle:
        return Record(host.name, label, entry.state, Outcome.WOULD, number, key,
                      text="would go on with the rotation under way")
    age = in_words(int(time.time()) - entry.since)
    return Record(host.name, label, entry.state, Outcome.WOULD, number, key,
                  text=f"would replace the key, in use for {age}")
