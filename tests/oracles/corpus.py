"""The corpus in tests/corpus/ as typed entries, each with the policy under which it is judged."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from typing import Any

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "corpus")
BACKUPPC = "backuppc-commands.jsonl"
ATTACKS = "attacks.jsonl"

BACKUP_ROOTS = (b"/srv/data", b"/home")
RESTORE_ROOTS = (b"/srv/restore",)
LABEL_OF = {"backup": "corpus-backup", "restore": "corpus-restore"}


@dataclass(frozen=True)
class Entry:
    """One line of the corpus; `operations` are the rights of the keys that it is tried under."""

    id: str
    origin: str
    tool: str
    command: bytes | None
    stdin: bytes
    expect: str
    operations: tuple[str, ...]
    accept: tuple[str, ...]
    delete: bool
    sh_argv: tuple[bytes, ...] | None
    environment: tuple[tuple[bytes, bytes], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The key labels of `policy_text` that have the entry's rights."""
        return tuple(LABEL_OF[operation] for operation in self.operations)


def to_bytes(text: str) -> bytes:
    """Return the bytes that the corpus writes as TEXT."""
    return text.encode("utf-8", "surrogateescape")


def to_text(value: bytes) -> str:
    """Return VALUE as the corpus writes it."""
    return value.decode("utf-8", "surrogateescape")


@functools.cache
def entries(origin: str) -> tuple[Entry, ...]:
    """Return the entries of the file ORIGIN."""
    with open(os.path.join(FOLDER, origin), encoding="ascii") as file:
        return tuple(_entry(json.loads(line), origin) for line in file)


def all_entries() -> tuple[Entry, ...]:
    """Return the entries of both files."""
    return entries(BACKUPPC) + entries(ATTACKS)


def policy_text(entry: Entry, settings: str = "") -> bytes:
    """Return the policy of tests/corpus/README.md for ENTRY, with SETTINGS above its blocks."""
    accept = f"    Accept   {' '.join(entry.accept)}\n" if entry.accept else ""
    return (
        f"{settings}"
        "Key corpus-backup\n"
        f"    Backup   {' '.join(root.decode() for root in BACKUP_ROOTS)}\n"
        f"    Tools    rsync tar\n{accept}"
        "Key corpus-restore\n"
        f"    Restore  {' '.join(root.decode() for root in RESTORE_ROOTS)}\n"
        f"    Tools    rsync tar\n{accept}"
        f"    Delete   {'yes' if entry.delete else 'no'}\n"
        "    Window   always\n"
    ).encode("ascii")


def _entry(line: dict[str, Any], origin: str) -> Entry:
    hint = line.get("policy_hint", {})
    operation = line.get("operation") or hint["operation"]
    argv = line.get("sh_argv")
    return Entry(
        id=line["id"],
        origin=origin,
        tool=line["tool"],
        command=_command(line),
        stdin=bytes.fromhex(line["stdin_hex"] or ""),
        expect=line["expect"],
        operations=("backup", "restore") if operation == "other" else (operation,),
        accept=tuple(hint.get("accept", line.get("accept"))),
        delete=bool(hint.get("delete", True)),
        sh_argv=None if argv is None else tuple(to_bytes(word) for word in argv),
        environment=tuple(
            (to_bytes(name), to_bytes(value)) for name, value in line.get("env", {}).items()
        ),
    )


def _command(line: dict[str, Any]) -> bytes | None:
    if "command_repeat" in line:
        prefix, unit, count, suffix = line["command_repeat"]
        return to_bytes(prefix + unit * count + suffix)
    return None if line["command"] is None else to_bytes(line["command"])
