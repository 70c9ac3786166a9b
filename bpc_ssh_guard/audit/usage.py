"""What each key did: when it was first and last used, how often, from where, and what was new."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Usage:
    """The use of one key on one host."""

    host: str
    label: str
    key_id: str
    first: str
    last: str
    started: int = 0
    denied: int = 0
    greeted: int = 0
    asked: int = 0  # for checkpoints and keys, of an audit or a rotation key
    addresses: dict[str, str] = field(default_factory=dict)  # each with when it was first seen

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return dict(vars(self))


_COUNTED = {
    "command-started": "started", "command-denied": "denied", "key-greeted": "greeted",
    "checkpoint-served": "asked", "keys-listed": "asked",
}
_OF_KEY = ("bpc.key.label", "bpc.key.id")
_OF_ROTATION = ("bpc.rotation.label", "bpc.rotation.id")


def usages(records: Iterable[dict[str, Any]]) -> list[Usage]:
    """Return the use of each key in RECORDS, in the order of time, the latest use first."""
    found: dict[tuple[str, str, str], Usage] = {}
    for record in records:
        counted, names = _COUNTED.get(str(record.get("event.action"))), _OF_KEY
        if "bpc.rotation.label" in record:  # what it tells of another key, this one asked for
            counted, names = "asked", _OF_ROTATION
        if counted is None or names[0] not in record:
            continue
        host, stamp, label, key_id = (
            str(record.get(name, "")) for name in ("host.name", "@timestamp", *names)
        )
        used = found.setdefault(
            (host, label, key_id), Usage(host, label, key_id, stamp, stamp)
        )
        used.last = max(used.last, stamp)
        setattr(used, counted, getattr(used, counted) + 1)
        address = record.get("source.ip")
        if address is not None:
            used.addresses.setdefault(str(address), stamp)
    return sorted(found.values(), key=lambda used: used.last, reverse=True)
