"""What ssh_config(5) files say for one host, read without running anything (`Match exec` would)."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.disk import Disk

SYSTEM: Final = "/etc/ssh/ssh_config"
SERVER: Final = "/etc/ssh/sshd_config"
_MOST_INCLUDED: Final = 100  # files of sshd_config.d
_DEEPEST: Final = 16  # READCONF_MAX_DEPTH of readconf.c
_LINE: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*\S)\s*")
_MANY: Final = ("identityfile", "certificatefile")  # these add up; of others the first counts


@dataclass(frozen=True)
class Option:
    """One option as it stands in a file; PATH is "" for a word of a command."""

    name: str  # in small letters
    value: str
    path: str = ""
    line: int = 0


@dataclass
class SshConfig:
    """The options in effect for one host, in the order in which ssh finds them."""

    options: list[Option] = field(default_factory=list)

    def add(self, option: Option) -> None:
        """Take OPTION unless an earlier one of its name counts."""
        if option.name in _MANY or self.first(option.name) is None:
            self.options.append(option)

    def first(self, name: str) -> Optional[Option]:
        """Return the option NAME in effect."""
        return next((each for each in self.options if each.name == name), None)

    def every(self, name: str) -> list[Option]:
        """Return all of NAME, for options that add up."""
        return [each for each in self.options if each.name == name]

    def read(self, disk: Disk, path: str, host: str, home: str) -> None:
        """Add what the file PATH says for HOST; a missing file says nothing.

        Raise Undecided at a Match, whose answer only ssh knows, and where a file can't be read.
        """
        for option in _lines(disk, path, host, posixpath.dirname(path), home, 0):
            self.add(option)


def _lines(
    disk: Disk, path: str, host: str, folder: str, home: str, depth: int
) -> Iterator[Option]:
    if depth > _DEEPEST:
        raise Undecided(path, "included too deep")
    try:
        text = disk.read(disk.real(path)).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return
    applies = True
    for number, raw in enumerate(text.split("\n"), 1):
        found = None if raw.lstrip().startswith("#") else _LINE.fullmatch(raw)
        if found is None:
            continue
        name, value = found[1].lower(), found[2]
        if name == "host":
            applies = matches(value.split(), host)
        elif name == "match":
            if value.lower() not in ("all", "final all", "canonical all"):
                raise Undecided(path, "a Match that only ssh can decide; ask with --live", number)
            applies = True
        elif applies and name == "include":
            for each in _included(disk, value.split(), folder, home):
                yield from _lines(disk, each, host, folder, home, depth + 1)
        elif applies:
            yield Option(name, value.strip('"'), path, number)


def key_files(disk: Disk, home: str, user: str) -> list[str]:
    """Return where sshd may look for keys that log in as USER, whatever Match decides.

    Raise Undecided where sshd_config can't be read.
    """
    names = [".ssh/authorized_keys", ".ssh/authorized_keys2"]
    pending, seen = [SERVER], 0
    while pending:
        path = pending.pop()
        seen += 1
        if seen > _MOST_INCLUDED:
            raise Undecided(path, "too many files included")
        try:
            text = disk.read(disk.real(path)).decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            continue
        for option in filter(None, map(_LINE.fullmatch, text.split("\n"))):
            if option[1].lower() == "include":
                pending += _included(disk, option[2].split(), posixpath.dirname(SERVER), home)
            elif option[1].lower() == "authorizedkeysfile":
                names += [name for name in option[2].split() if name != "none"]
    tokens = {"%h": home, "%u": user, "%%": "%"}
    paths = [re.sub(r"%[hu%]", lambda token: tokens[token[0]], name.strip('"')) for name in names]
    return list(dict.fromkeys(posixpath.join(home, path) for path in paths))


def _included(disk: Disk, patterns: list[str], folder: str, home: str) -> Iterator[str]:
    for raw in patterns:
        pattern = posixpath.join(folder, re.sub(r"^~(?=/)", home, raw.strip('"')))
        where, last = posixpath.split(pattern)
        if re.search(r"[*?\[]", where):
            raise Undecided(pattern, "an Include of folders by a pattern")
        if not re.search(r"[*?\[]", last):
            yield pattern
            continue
        for name in disk.names(where):
            if fnmatch.fnmatchcase(name, last) and not name.startswith("."):
                yield f"{where}/{name}"


def matches(patterns: list[str], host: str) -> bool:
    """Return whether the words behind `Host` take in HOST: one must, and none with "!" may."""
    taken = False
    for pattern in patterns:
        if fnmatch.fnmatchcase(host, pattern.lstrip("!").strip('"')):
            if pattern.startswith("!"):
                return False
            taken = True
    return taken
