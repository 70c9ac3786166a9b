"""BackupPC's systemd service: its unit file with all drop-ins, and what it gets as environment."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.disk import Disk

# From strong to weak (systemd.unit(5), "Unit File Load Path").
FOLDERS: Final = (
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/lib/systemd/system", "/usr/lib/systemd/system",
)
NAMES: Final = ("backuppc.service", "BackupPC.service")
_ANALYZE: Final = "/usr/bin/systemd-analyze"  # knows --offline since version 250
_EXPOSURE: Final = re.compile(r"exposure level for \S+: ([0-9.]+) ([A-Z]+)")
_SECONDS: Final = 10
_SCRIPT: Final = b"#!"
_LINE: Final = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.*)", re.DOTALL)
_SECTION: Final = re.compile(r"[ \t]*\[([^\]]*)\][ \t]*")
_WORD: Final = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|\S+)""")


@dataclass(frozen=True)
class Entry:
    """`NAME=VALUE` of the section [Service]."""

    name: str
    value: str
    path: str
    line: int


@dataclass(frozen=True)
class Unit:
    """The unit as systemd puts it together: `files` in order of reading."""

    name: str
    files: tuple[str, ...]
    entries: tuple[Entry, ...]

    def last(self, name: str) -> Optional[Entry]:
        """Return what stands for NAME, of which one value counts."""
        return next((each for each in reversed(self.entries) if each.name == name), None)

    def value(self, name: str) -> str:
        """Return that value, "" where there is none."""
        entry = self.last(name)
        return entry.value if entry else ""

    def all(self, name: str) -> list[Entry]:
        """Return all of NAME, a list in systemd: an empty value forgets those before."""
        found: list[Entry] = []
        for each in self.entries:
            if each.name == name:
                found = [*found, each] if each.value else []
        return found


def find_unit(disk: Disk) -> Optional[Unit]:
    """Return BackupPC's unit, None where none is installed; raise Undecided if it can't be read."""
    for name in NAMES:
        path = next((f"{folder}/{name}" for folder in FOLDERS
                     if disk.lstat(f"{folder}/{name}") is not None), None)
        if path is not None:
            files = (path, *_drop_ins(disk, name))
            entries = tuple(entry for each in files for entry in _read(disk, each))
            if entries:  # none in a masked unit
                return Unit(name, files, entries)
    return None


def _drop_ins(disk: Disk, name: str) -> Iterator[str]:
    """Yield the drop-ins by their names; the strongest folder's file of a name counts."""
    found: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        for each in disk.names(f"{folder}/{name}.d"):
            if each.endswith(".conf"):
                found[each] = f"{folder}/{name}.d/{each}"
    for each in sorted(found):
        yield found[each]


def _read(disk: Disk, path: str) -> Iterator[Entry]:
    try:
        real = disk.real(path)
    except FileNotFoundError:  # a link to nowhere, as to /dev/null in a tree without it
        return
    if real == "/dev/null":  # masked
        return
    section, number, lines = "", 0, iter(disk.read(real).decode("utf-8", "replace").split("\n"))
    for line in lines:
        number += 1
        start = number
        while line.endswith("\\"):
            line = f"{line[:-1]} {next(lines, '')}"
            number += 1
        if line.lstrip()[:1] in ("", "#", ";"):
            continue
        head = _SECTION.fullmatch(line)
        entry = _LINE.fullmatch(line)
        if head:
            section = head[1]
        elif entry and section == "Service":
            yield Entry(entry[1], entry[2].strip(), path, start)


def exposure(unit: Unit) -> Optional[str]:
    """Return how systemd-analyze weighs UNIT ("9.2 UNSAFE"), None where it can't be asked.

    It gets a copy of the section, so neither manager nor tree is touched; 30 ms.
    """
    lines = "".join(f"{each.name}={each.value}\n" for each in unit.entries
                    if each.name != "Environment")  # it may hold a password
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, unit.name)
        with open(copy, "w", encoding="utf-8") as file:
            file.write(f"[Service]\n{lines}")
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, and a file of ours
                [_ANALYZE, "security", "--offline=true", "--no-pager", copy], check=False,
                env={"LC_ALL": "C"}, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return None
    found = _EXPOSURE.search(done.stdout.decode("utf-8", "replace"))
    return f"{found[1]} {found[2]}" if found else None


@dataclass(frozen=True)
class Variable:
    """A variable of the service's environment that is given a value in a file."""

    path: str
    line: int
    value: str

    @property
    def is_literal(self) -> bool:
        """Return whether the value stands there, and isn't fetched by a script."""
        return not self.value.startswith(("$", "`"))


def variable(disk: Disk, unit: Optional[Unit], name: str) -> Iterator[Variable]:
    """Yield where NAME gets a value: Environment=, its files, /etc/default of the init script."""
    for entry in unit.all("Environment") if unit else ():
        for word in _WORD.findall(entry.value):
            key, equals, value = word.strip("\"'").partition("=")
            if key == name and equals and value:
                yield Variable(entry.path, entry.line, value)
    files = [entry.value.lstrip("-") for entry in (unit.all("EnvironmentFile") if unit else ())]
    scripts = [entry.value.split()[0].lstrip("@-:+!") for entry in
               (unit.all("ExecStart") if unit else ()) if entry.value]
    for path in dict.fromkeys((*files, "/etc/default/backuppc")):
        yield from _assigned(disk, path, name)
    for path in scripts:
        with contextlib.suppress(FileNotFoundError):
            if disk.head(path, len(_SCRIPT)) == _SCRIPT:
                yield from _assigned(disk, path, name)


def _assigned(disk: Disk, path: str, name: str) -> Iterator[Variable]:
    """Yield the lines of the file or script PATH that give NAME a value."""
    pattern = re.compile(rf"^\s*(?:export\s+)?{re.escape(name)}=(\S.*)$")
    try:
        text = disk.read(disk.real(path)).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except Undecided as error:
        raise Undecided(path, error.reason) from None
    for number, line in enumerate(text.split("\n"), 1):
        found = pattern.match(line)
        if found:
            yield Variable(path, number, found[1].strip("\"' "))
