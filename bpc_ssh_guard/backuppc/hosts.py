"""The file `hosts`: which machines BackupPC backs up, and who owns them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from .perl.values import is_true
from .undecided import Undecided

if TYPE_CHECKING:
    from .disk import Disk

# HostInfoRead of Storage/Text.pm: other lines are passed over.
_LINE = re.compile(r"[\w.\\-]+\s+.*", re.ASCII | re.DOTALL)
_BETWEEN = re.compile(r"(?<!\\)\s+", re.ASCII)
_ESCAPED = re.compile(r"\\(\s)", re.ASCII)


@dataclass(frozen=True)
class HostLine:
    """A host as its line of `hosts` has it; NAME in lower case, as BackupPC uses it."""

    name: str
    dhcp: bool
    user: str
    more_users: tuple[str, ...]
    line: int


def read_hosts(disk: Disk, path: str) -> tuple[tuple[HostLine, ...], Optional[Undecided]]:
    """Return the hosts of PATH, and why the list isn't whole where it can't be.

    A name that would lead out of the folder of host files is left out, and is such a reason.
    """
    try:
        text = disk.read(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return (), Undecided(path, "missing")
    except Undecided as undecided:
        return (), undecided
    hosts: dict[str, HostLine] = {}
    trouble: Optional[Undecided] = None
    columns: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = _fields(line)
        if not fields:
            continue
        if not columns:
            columns = fields
            continue
        name = fields[0].lower()
        if "/" in name or name in (".", "..") or "\0" in name:
            trouble = trouble or Undecided(path, "a host's name that leaves the folder", number)
            continue
        hosts[name] = _host(name, dict(zip(columns, fields)), number)
    return tuple(hosts.values()), trouble


def _fields(line: str) -> list[str]:
    line = line.replace("\r", "").split("#")[0].rstrip()
    if _LINE.fullmatch(line) is None:
        return []
    return [_ESCAPED.sub(r"\1", each) for each in _BETWEEN.split(line)]


def _host(name: str, fields: dict[str, str], number: int) -> HostLine:
    more = re.split(r"[\s,]+", fields.get("moreUsers", ""))
    return HostLine(name, is_true(fields.get("dhcp")), fields.get("user", ""),
                    tuple(filter(None, more)), number)
