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
    addresses: dict[str, str] = field(default_factory=dict)  # each with when it was first seen

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return dict(vars(self))


_COUNTED = {"command-started": "started", "command-denied": "denied", "key-greeted": "greeted"}


def usages(records: Iterable[dict[str, Any]]) -> list[Usage]:
    """Return the use of each key in RECORDS, in the order of time, the latest use first."""
    found: dict[tuple[str, str, str], Usage] = {}
    for record in records:
        action = str(record.get("event.action"))  # who has root can log anything there
        if action not in _COUNTED:
            continue
        host, label, key_id, stamp = (
            str(record.get(name, ""))
            for name in ("host.name", "bpc.key.label", "bpc.key.id", "@timestamp")
        )
        used = found.setdefault(
            (host, label, key_id), Usage(host, label, key_id, stamp, stamp)
        )
        used.last = max(used.last, stamp)
        setattr(used, _COUNTED[action], getattr(used, _COUNTED[action]) + 1)
        address = record.get("source.ip")
        if address is not None:
            used.addresses.setdefault(str(address), stamp)
    return sorted(found.values(), key=lambda used: used.last, reverse=True)
