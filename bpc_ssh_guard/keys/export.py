"""The hosts and their keys for other programs; nothing in it is secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .config import Config, Host
    from .journal import Entry


def as_json(config: Config, entries: Iterable[Entry]) -> dict[str, Any]:
    """Return all hosts of CONFIG with the journals ENTRIES of their labels."""
    known = {(entry.host, entry.label): entry for entry in entries}
    return {"v": 1, "hosts": [_host(host, known) for host in config.hosts.values()]}


def keys_of(host: Host, known: dict[tuple[str, str], Entry]) -> list[dict[str, Any]]:
    """Return the keys of HOST, each with its purpose and what is KNOWN of it."""
    keys = []
    for purpose, label in host.labels.items():
        entry = known.get((host.name, label))
        members = entry.as_json() if entry is not None else {"label": label, "state": None}
        members.pop("host", None)
        keys.append({"purpose": purpose, **members})
    return keys


def _host(host: Host, known: dict[tuple[str, str], Entry]) -> dict[str, Any]:
    return {
        "host": host.name, "address": host.address, "port": host.port, "user": host.user,
        "channel": host.channel, "from": list(host.source), "fingerprint": host.fingerprint,
        "rotation_label": host.rotation_label, "max_age": host.max_age,
        "keys": keys_of(host, known),
    }
