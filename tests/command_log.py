"""A command log as tests need one: begun in a folder, read back without its own records."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from bpc_ssh_guard.record import begin as beginning
from bpc_ssh_guard.record import segment

if TYPE_CHECKING:
    from pathlib import Path

    from bpc_ssh_guard.record.begin import Begun

OWN = ("log-rotated", "log-recovered", "policy-changed", "refusals-suppressed")


def begin(log: str | Path) -> Begun:
    """Begin the log in LOG, with its state where a policy with `Log LOG` has it."""
    return beginning.begin(os.fsencode(log), os.fsencode(log) + b"/state")


def first_segment(log: str | Path) -> str:
    """Return the path of the first segment of LOG."""
    return os.path.join(os.fspath(log), segment.name_of(0).decode("ascii"))


def raw(log: str | Path) -> bytes:
    """Return the lines of the first segment of LOG but the log's own; nothing without a log."""
    if not os.path.exists(first_segment(log)):
        return b""
    with open(first_segment(log), "rb") as file:
        return b"".join(line for line in file if not _is_own(line))


def records(log: str | Path) -> list[dict[str, Any]]:
    """Return the records of LOG but the log's own."""
    return [json.loads(line) for line in raw(log).splitlines()]


def _is_own(line: bytes) -> bool:
    return any(b'"event.action":"%s"' % name.encode("ascii") in line for name in OWN)
