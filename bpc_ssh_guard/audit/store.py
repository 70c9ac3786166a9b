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
from typing import TYPE_CHECKING, BinaryIO, Final

from ..record import segment
from . import form
from .keystore import KeyStore
from .segments import Segment, lines_of, segments_in
from .witness import Witness, from_line

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS: Final = "keys"
REJECTED: Final = 16  # files of one host

_INCOMING: Final = "incoming-"
_AT_ONCE: Final = 1 << 20  # bytes that are written and synced together
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
        """Return the number behind the last whole record; change nothing."""
        return self._end()[1]

    def resume(self) -> int:
        """Return the number behind the last whole record; drop what a killed run left behind it."""
        end, following = self._end()
        stored = self.segments()
        if stored and not stored[-1].is_compressed:
            os.truncate(stored[-1].path, end)
        return following

    def _end(self) -> tuple[int, int]:
        stored = self.segments()
        return records_end(stored[-1].path, stored[-1].first) if stored else (0, 0)

    @contextlib.contextmanager
    def incoming(self) -> Iterator[BinaryIO]:
        """Give a file for what is not proved yet; it is gone afterwards, of a killed run too."""
        for name in os.listdir(self.folder):
            if name.startswith(_INCOMING):
                os.unlink(os.path.join(self.folder, name))
        path = os.path.join(self.folder, f"{_INCOMING}{os.getpid()}")
        try:
            with open(path, "xb") as file:
                yield file
        finally:
            with contextlib.suppress(FileNotFoundError):  # kept as evidence
                os.unlink(path)

    def append(self, path: str, first: int, end: int) -> None:
        """Append the first END bytes of the file at PATH, proved lines from record FIRST on.

        Byte-exact and durable, each line in the segment it was in: the record that begins one says
        so. Raises StoreError where none does.
        """
        stored = self.segments()
        target = stored[-1].path if stored else ""
        pending: list[bytes] = []
        size, following = 0, first
        with open(path, "rb") as file:
            for line in lines_of(file):
                if end <= 0:
                    break
                end -= len(line)
                if form.number_of(line) == following:
                    following += 1
                    if form.CHAIN_ID in line:
                        self._write(target, pending)
                        pending, size = [], 0
                        name = segment.name_of(following - 1)
                        target = os.path.join(self.segments_folder, os.fsdecode(name))
                pending.append(line)
                size += len(line)
                if size >= _AT_ONCE:
                    self._write(target, pending)
                    pending, size = [], 0
        self._write(target, pending)

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

    def reject(self, path: str, first: int) -> str:
        """Keep the file at PATH, lines from record FIRST on that were not proved; say where.

        What repeats and continues an earlier one replaces it, and no more than REJECTED are kept:
        a client can't fill the auditor's disk by lies.
        """
        folder = os.path.join(self.folder, "rejected")
        os.makedirs(folder, mode=0o750, exist_ok=True)
        kept = os.path.join(folder, f"{first}.jsonl")
        if os.path.exists(kept) and not _begins_with(path, kept):
            kept = os.path.join(folder, f"{first}-{now().replace(':', '')}.jsonl")
        if not os.path.exists(kept) and len(os.listdir(folder)) >= REJECTED:
            return f"nothing kept: {folder} holds {REJECTED} files already; look at them"
        os.rename(path, kept)
        return f"kept apart in {kept}"

    def put_aside(self, chain: bytes) -> None:
        """Move the segments of CHAIN to before/CHAIN: the client has begun its log anew."""
        if not self.segments():
            return
        aside = os.path.join(self.folder, "before", chain.hex())
        os.makedirs(os.path.dirname(aside), mode=0o750, exist_ok=True)
        os.rename(self.segments_folder, aside)
        os.mkdir(self.segments_folder, mode=0o750)
        _sync_folder(self.folder)

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

    def has(self, name: str) -> bool:
        """Tell whether NAME is a host that was visited."""
        return bool(_HOST.fullmatch(name)) and name != KEYS and os.path.isdir(
            os.path.join(self.folder, name, "segments"))

    def hosts(self) -> list[str]:
        """Return the names of the hosts that were visited."""
        if not os.path.isdir(self.folder):
            raise StoreError(f"{self.folder}: there is no store; bpc-ssh-audit collect makes one")
        return sorted(filter(self.has, os.listdir(self.folder)))


def now() -> str:
    """Return the time as the store writes it: UTC, seconds."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def records_end(path: str, first: int) -> tuple[int, int]:
    """Return where the last record ends in the file at PATH, and the number that would follow.

    FIRST is the number of its first one. Only a line of the number that is due is taken for one.
    """
    offset = end = 0
    following = first
    with Segment(first, path).open() as file:
        for line in lines_of(file):
            offset += len(line)
            if form.number_of(line) == following:
                end, following = offset, following + 1
    return end, following


def _begins_with(path: str, other: str) -> bool:
    """Tell whether the file at PATH begins with all of that at OTHER."""
    with open(path, "rb") as file, open(other, "rb") as beginning:
        while piece := beginning.read(_AT_ONCE):
            if file.read(len(piece)) != piece:
                return False
    return True


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
