"""The collected logs: a folder for each host with byte-exact segments, and what was seen of them.

DIR/HOST/segments, DIR/HOST/witness.jsonl, DIR/HOST/rejected for what a client sent and did not
prove, DIR/keys for the auditor's keys.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import re
from typing import TYPE_CHECKING, Final

from ..record import segment
from . import form
from .keystore import KeyStore
from .segments import lines_of, segments_in
from .witness import Witness, from_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .segments import Segment

KEYS: Final = "keys"
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


class StoreError(Exception):
    """The store can't be used; the text says why and what to do."""


class HostStore:
    """What is stored of one host, in FOLDER."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.segments_folder = os.path.join(folder, "segments")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other collectors out; raises StoreError where one is at work."""
        os.makedirs(self.segments_folder, mode=0o750, exist_ok=True)
        with open(os.path.join(self.folder, "lock"), "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"{self.folder}: another run collects this host") from None
            yield

    def segments(self) -> list[Segment]:
        """Return the stored segments."""
        return segments_in(self.segments_folder) if os.path.isdir(self.segments_folder) else []

    def next_record(self) -> int:
        """Return the number behind the last whole record; drop what a killed run left behind it."""
        stored = self.segments()
        if not stored:
            return 0
        last, end, following = stored[-1], 0, stored[-1].first
        with last.open() as file:
            offset = 0
            for line in lines_of(file):
                offset += len(line)
                number = form.number_of(line)
                if number is not None:
                    end, following = offset, number + 1
        if not last.path.endswith(".gz"):
            os.truncate(last.path, end)
        return following

    def append(self, lines: bytes) -> None:
        """Append LINES, whole ones, durably, each to the segment that it belongs to."""
        stored = self.segments()
        path = stored[-1].path if stored else ""
        pending: list[bytes] = []
        for line in lines.splitlines(keepends=True):
            number = form.number_of(line)
            if number is not None and form.CHAIN_ID in line:
                self._write(path, pending)
                pending = []
                path = os.path.join(self.segments_folder, os.fsdecode(segment.name_of(number)))
            pending.append(line)
        self._write(path, pending)

    def _write(self, path: str, lines: list[bytes]) -> None:
        if not lines:
            return
        if not path:
            raise StoreError(f"{self.folder}: the first record that came begins no segment")
        new = not os.path.exists(path)
        with open(path, "ab") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync_folder(self.segments_folder)

    def reject(self, lines: bytes, when: str) -> str:
        """Keep LINES, which were not proved, as evidence of their own; return the path."""
        folder = os.path.join(self.folder, "rejected")
        os.makedirs(folder, mode=0o750, exist_ok=True)
        path = os.path.join(folder, f"{when.replace(':', '')}.jsonl")
        with open(path, "ab") as file:
            file.write(lines)
        return path

    def witnesses(self) -> list[Witness]:
        """Return what was seen of this host's log before; raises StoreError."""
        path = os.path.join(self.folder, "witness.jsonl")
        if not os.path.exists(path):
            return []
        found = []
        with open(path, encoding="ascii", errors="replace") as file:
            for number, line in enumerate(file, 1):
                try:
                    found.append(from_line(line))
                except ValueError as error:
                    raise StoreError(f"{path}:{number}: {error}; look who changed it") from None
        return found

    def add_witness(self, witness: Witness, when: str) -> None:
        """Store WITNESS, seen at WHEN, durably."""
        os.makedirs(self.folder, mode=0o750, exist_ok=True)
        with open(os.path.join(self.folder, "witness.jsonl"), "a", encoding="ascii") as file:
            file.write(witness.as_line(when))
            file.flush()
            os.fsync(file.fileno())


class Store:
    """The store in FOLDER."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.keys = KeyStore(os.path.join(folder, KEYS))

    def host(self, name: str) -> HostStore:
        """Return the place of the host NAME; raises StoreError for what is no name of one."""
        if not _HOST.fullmatch(name) or name == KEYS:
            raise StoreError(f"{name!a} is no host name: letters, digits, dots and dashes")
        return HostStore(os.path.join(self.folder, name))

    def hosts(self) -> list[str]:
        """Return the names of the hosts of which something is stored."""
        if not os.path.isdir(self.folder):
            raise StoreError(f"{self.folder}: there is no store; bpc-ssh-audit collect makes one")
        return sorted(
            name for name in os.listdir(self.folder)
            if os.path.isdir(os.path.join(self.folder, name, "segments"))
        )


def now() -> str:
    """Return the time as the store writes it: UTC, seconds."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
