"""age: how long each key has been in use, as the store knows it, and which are due."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any, Optional

from ... import exits
from ...duration import in_words
from .common import (
    add_config,
    add_json,
    add_selection,
    load_config,
    new_command,
    open_store,
    select,
)

if TYPE_CHECKING:
    from ...keys.config import Host
    from ...keys.journal import Entry
    from .common import Commands

OK, WARN, DUE, UNKNOWN = "ok", "warn", "due", "unknown"


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "age", "show how long each key has been in use", _age)
    add_config(command)
    add_selection(command)
    add_json(command)


def _age(options: argparse.Namespace) -> int:
    config = load_config(options)
    wanted = select(options, config)
    entries = {(entry.host, entry.label): entry for entry in open_store(config).entries()}
    rows = [_row(host, label, entries.get((host.name, label)), int(time.time()))
            for host, labels in wanted for label in labels]
    for row in rows:
        print(json.dumps(row) if options.json else _in_words(row))
    return exits.NO if any(row["age_status"] in (DUE, UNKNOWN) for row in rows) else exits.YES


def _row(host: Host, label: str, entry: Optional[Entry], now: int) -> dict[str, Any]:
    if entry is None or not entry.used[1] or not entry.since:
        members = entry.as_json() if entry is not None else {}
        return {"host": host.name, "label": label, **members, "age": None, "age_status": UNKNOWN}
    age = now - entry.since
    status = DUE if age > host.max_age else WARN if age > host.warn_age else OK
    return {**entry.as_json(), "age": age, "age_status": status}


def _in_words(row: dict[str, Any]) -> str:
    age = "-" if row["age"] is None else in_words(row["age"])
    key = f"g{row['gen']} {row['key']}" if row.get("key") else "-"
    return f"{row['host']} {row['label']}: {row['age_status']}, {age}, {key}, {row.get('state')}"
