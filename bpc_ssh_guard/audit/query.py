"""Which records an auditor asks for, and each of them as one line that no terminal obeys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from ..page.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    Record = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """What a record must have; an empty part asks for nothing.

    Times are beginnings of `@timestamp`, as in 2026-11-23 or 2026-11-23T02.
    """

    actions: Sequence[str] = ()
    codes: Sequence[str] = ()
    keys: Sequence[str] = ()  # label or KEYID
    addresses: Sequence[str] = ()
    paths: Sequence[str] = field(default_factory=tuple)  # a part of one of its paths
    since: str = ""
    until: str = ""

    def admits(self, record: Record) -> bool:
        """Tell whether RECORD is asked for."""
        stamp = str(record.get("@timestamp", ""))
        if stamp < self.since or (self.until and stamp[: len(self.until)] > self.until):
            return False
        return (
            _one(record.get("event.action"), self.actions)
            and _one(record.get("event.code"), self.codes)
            and _one(record.get("source.ip"), self.addresses)
            and (_one(record.get("bpc.key.label"), self.keys)
                 or _one(record.get("bpc.key.id"), self.keys))
            and (not self.paths or self._has_path(record))
        )

    def _has_path(self, record: Record) -> bool:
        paths = record.get("bpc.paths")
        shown = [str(path) for path in paths] if isinstance(paths, list) else []
        return any(part in path for part in self.paths for path in shown)


def in_words(record: Record) -> str:
    """Return RECORD as one line of text: time, key, address, what happened and why."""
    said = [record.get("@timestamp"), record.get("host.name"), record.get("event.action"),
            record.get("bpc.key.label"), record.get("source.ip")]
    words = [str(word) for word in said if word is not None]
    code = record.get("event.code")
    words += [str(code)] if code else []
    shown = next((record[name] for name in ("process.command_line", "event.reason")
                  if name in record), None)
    words += [str(shown)] if shown is not None else []
    status: Optional[object] = record.get("process.exit_code")
    words += [f"status {status}"] if status is not None else []
    return inert(" ".join(words))


def _one(value: object, wanted: Sequence[str]) -> bool:
    return not wanted or value in wanted
