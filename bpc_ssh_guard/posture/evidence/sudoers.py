"""What sudoers(5) lets BackupPC's account run as another user."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.disk import Disk

SUDOERS: Final = "/etc/sudoers"
_DEEPEST: Final = 16  # includes; sudo itself takes 128
_INCLUDE: Final = re.compile(r"[#@](include|includedir)\s+(\S+)\s*")
_ALIAS: Final = re.compile(r"(User|Cmnd|Cmd)_Alias\s+(.*)")
_TAGS: Final = re.compile(r"^(?:\([^)]*\)|[A-Z_]+:(?!/)|(?:CWD|CHROOT|ROLE|TYPE)=\S+|\s)+")


@dataclass(frozen=True)
class Line:
    """A line of a file, put together where it was continued."""

    path: str
    number: int
    text: str


@dataclass(frozen=True)
class Rule:
    """COMMANDS that one line allows, aliases put in."""

    path: str
    line: int
    commands: tuple[str, ...]


def rules_of(disk: Disk, user: str, uid: int, groups: frozenset[str]) -> list[Rule]:
    """Return the rules for USER or one of GROUPS; raise Undecided where a file can't be read."""
    lines = list(_lines(disk, SUDOERS, 0))
    aliases: dict[str, list[str]] = {}
    for line in lines:
        found = _ALIAS.fullmatch(line.text)
        for part in re.split(r"(?<!\\):", found[2]) if found else ():
            name, _, value = part.partition("=")
            aliases[name.strip()] = _listed(value)
    who = {user, f"#{uid}", "ALL", *(f"%{group}" for group in groups)}
    rules = []
    for line in lines:
        head, equals, tail = line.text.partition("=")
        names = re.split(r"\s*,\s*", re.split(r"(?<![\s,])\s+(?!,)", head.strip())[0])
        if equals and not _ALIAS.match(line.text) and who & set(_resolved(names, aliases)):
            commands = _resolved([_TAGS.sub("", each) for each in _listed(tail)], aliases)
            rules.append(Rule(line.path, line.number, tuple(commands)))
    return rules


def _lines(disk: Disk, path: str, depth: int) -> Iterator[Line]:
    if depth > _DEEPEST:
        raise Undecided(path, "included too deep")
    try:
        text = disk.read(disk.real(path)).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return
    pending, number = iter(text.split("\n")), 0
    for raw in pending:
        number += 1
        first, line = number, raw
        while line.endswith("\\"):
            number += 1
            line = f"{line[:-1]} {next(pending, '')}"
        include = _INCLUDE.fullmatch(line.strip())
        if include:
            for each in _included(disk, include[1], posixpath.join("/etc", include[2])):
                yield from _lines(disk, each, depth + 1)
            continue
        line = re.sub(r"(?<!\\)#(?!\d).*", "", line).strip()
        if line and not line.startswith("Defaults"):
            yield Line(path, first, line)


def _included(disk: Disk, kind: str, path: str) -> list[str]:
    if kind == "include":
        return [path]
    # sudo passes over names that end in ~ or hold a dot
    return [f"{path}/{name}" for name in disk.names(path)
            if "." not in name and not name.endswith("~")]


def _listed(text: str) -> list[str]:
    return [each.strip() for each in re.split(r"(?<!\\),", text) if each.strip()]


def _resolved(names: list[str], aliases: dict[str, list[str]]) -> list[str]:
    """Return NAMES with aliases put in, each once."""
    found: dict[str, None] = {}
    pending = list(reversed(names))
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in aliases and name not in seen:
            seen.add(name)
            pending += reversed(aliases[name])
        elif name not in seen:
            found[name] = None
    return list(found)
