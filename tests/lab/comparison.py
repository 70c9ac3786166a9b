"""Two trees compared exactly: every name's type, mode, owner, size, time, content and links."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .process import run, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Entry:
    """What a backup must keep of one name; `links` are the other names of the same inode."""

    kind: str
    mode: str
    owner: int
    group: int
    size: int
    mtime_ns: int
    content: str
    links: tuple[bytes, ...]
    extended: tuple[tuple[str, bytes], ...]


Tree = dict[bytes, Entry]


def walk(top: bytes) -> Iterator[bytes]:
    """Give the path of each entry below TOP."""
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            yield os.path.join(folder, name)


def snapshot(root: str, *, extended: bool = False) -> Tree:
    """Return every entry below ROOT by its relative name, with extended attributes if asked."""
    top = os.fsencode(root)
    groups: dict[tuple[int, int], list[bytes]] = {}
    found: dict[bytes, os.stat_result] = {}
    for path in walk(top):
        name = path[len(top) + 1 :]
        found[name] = os.lstat(path)
        if not stat.S_ISDIR(found[name].st_mode):
            groups.setdefault((found[name].st_dev, found[name].st_ino), []).append(name)
    return {
        name: _entry(top + b"/" + name, status, groups, name, extended)
        for name, status in found.items()
    }


def differences(expected: Tree, found: Tree, *, folder_times: bool = True) -> list[str]:
    """Say what differs: a line for each missing or unexpected name and for each unequal field.

    BackupPC's tar archives name folders in an order in which tar can't keep FOLDER_TIMES.
    """
    lines = [f"missing: {name!r}" for name in sorted(expected.keys() - found.keys())]
    lines += [f"unexpected: {name!r}" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        ignored = {"mtime_ns"} if expected[name].kind == "d" and not folder_times else set()
        lines += [f"{name!r}: {text}" for text in _unequal(expected[name], found[name], ignored)]
    return lines


def rsync_differences(expected: str, found: str, *options: str) -> list[str]:
    """Return what rsync itself would change to make FOUND equal to EXPECTED, by checksum."""
    done = run(
        ["rsync", "-aniHc", "--numeric-ids", "--delete", *options, f"{expected}/", f"{found}/"]
    )
    if done.returncode != 0:
        raise RuntimeError(f"rsync compares nothing: {said(done)}")
    return said(done).splitlines()


def _entry(
    path: bytes,
    status: os.stat_result,
    groups: Mapping[tuple[int, int], list[bytes]],
    name: bytes,
    extended: bool,
) -> Entry:
    kind = stat.filemode(status.st_mode)[0]
    links = groups.get((status.st_dev, status.st_ino), [])
    names = os.listxattr(path, follow_symlinks=False) if extended else []
    return Entry(
        kind=kind,
        mode="-" if kind == "l" else oct(stat.S_IMODE(status.st_mode)),
        owner=status.st_uid,
        group=status.st_gid,
        size=0 if kind == "d" else status.st_size,
        mtime_ns=status.st_mtime_ns,
        content=_content(path, kind, status),
        links=tuple(sorted(other for other in links if other != name)),
        extended=tuple(
            (each, os.getxattr(path, each, follow_symlinks=False)) for each in sorted(names)
        ),
    )


def _content(path: bytes, kind: str, status: os.stat_result) -> str:
    if kind == "-":
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    if kind == "l":
        return repr(os.readlink(path))
    return f"{os.major(status.st_rdev)},{os.minor(status.st_rdev)}" if kind in "bc" else ""


def _unequal(expected: Entry, found: Entry, ignored: set[str]) -> Iterator[str]:
    for field in fields(Entry):
        left, right = getattr(expected, field.name), getattr(found, field.name)
        if left != right and field.name not in ignored:
            yield f"{field.name} is {right}, not {left}"
