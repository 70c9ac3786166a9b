"""The store: the journal of every label, and a chain of events that only grows.

SQLite with a write-ahead log, synced at each commit: a state is written only when what it says is
done, so a run that is killed goes on behind the last one. Each event has the hash of the one
before; a changed or missing one is found by `check`. It holds no key, only their ids.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final, Optional

from ..closed import Open, require_closed, trusted_accounts
from .files import require_own
from .journal import STATES, Entry
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS: Final = 30.0  # other runs commit within milliseconds
FIRST: Final = "0" * 64  # the hash before the first event
_VERSION: Final = 1

_TABLES: Final = (
    """CREATE TABLE key (
    host TEXT NOT NULL, label TEXT NOT NULL, state TEXT NOT NULL,
    gen INTEGER NOT NULL, cur TEXT NOT NULL, new_gen INTEGER NOT NULL, new TEXT NOT NULL,
    ts INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (host, label)
) WITHOUT ROWID""",
    """CREATE TABLE event (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, host TEXT NOT NULL, label TEXT NOT NULL,
    what TEXT NOT NULL, prev_hash TEXT NOT NULL
)""",
    """CREATE TRIGGER event_stays BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are only added'); END""",
    """CREATE TRIGGER event_is_kept BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are only added'); END""",
    f"PRAGMA user_version = {_VERSION}",
)
_ONE: Final = "SELECT * FROM key WHERE host = ? AND label = ?"
_ALL: Final = "SELECT * FROM key ORDER BY host, label"
_PUT: Final = "INSERT OR REPLACE INTO key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class StoreError(Exception):
    """The store can't be used; the text says why and what to do."""


class Store:
    """The store in the file PATH, made where there is none; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._mutex: Final = threading.Lock()
        _require_own(path)
        with self._told():
            self._database: Final = self._opened()

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        database = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _TABLES:
                    database.execute(statement)
            elif version != _VERSION:
                raise StoreError(f"{self.path}: is of version {version}; this program knows"
                                 f" {_VERSION}")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def read(self, host: str, label: str) -> Optional[Entry]:
        """Return the journal of LABEL of HOST; None where there is none."""
        with self._mutex, self._told():
            row = self._database.execute(_ONE, (host, label)).fetchone()
        return None if row is None else _entry(row)

    def entries(self) -> list[Entry]:
        """Return all journals, by host and label."""
        with self._mutex, self._told():
            return [_entry(row) for row in self._database.execute(_ALL).fetchall()]

    def write(self, entry: Entry, what: str) -> None:
        """Store ENTRY, and the event WHAT that led to it, in one durable step."""
        row = (entry.host, entry.label, entry.state, entry.generation, entry.key,
               entry.next_generation, entry.next_key, entry.changed, entry.since)
        with self._committed() as database:
            database.execute(_PUT, row)
            _append(database, entry.host, entry.label, what)

    def note(self, host: str, label: str, what: str) -> None:
        """Store the event WHAT, which changes no journal, durably."""
        with self._committed() as database:
            _append(database, host, label, what)

    def events(self, host: str = "", label: str = "") -> list[tuple[int, int, str, str, str]]:
        """Return number, time, host, label and text of the events, of HOST and LABEL if given."""
        query = ("SELECT seq, ts, host, label, what FROM event WHERE (? = '' OR host = ?)"
                 " AND (? = '' OR label = ?) ORDER BY seq")
        with self._mutex, self._told():
            return self._database.execute(query, (host, host, label, label)).fetchall()

    def check(self) -> None:
        """Refuse a damaged file and a broken chain of events; raises StoreError."""
        with self._mutex, self._told():
            (said,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
            if said != "ok":
                raise StoreError(f"{self.path}: {said}; run bpc-ssh-keys rebuild")
            before = FIRST
            rows = self._database.execute("SELECT * FROM event ORDER BY seq")
            for number, row in enumerate(rows, 1):
                if row[0] != number or row[-1] != before:
                    raise StoreError(f"{self.path}: event {number} was changed or taken out; look"
                                     " who can write the store")
                before = _hash(row)

    @contextlib.contextmanager
    def _committed(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            advice = "" if "disk" in str(error) else "; if it is damaged, run bpc-ssh-keys rebuild"
            raise StoreError(f"{self.path}: {error}{advice}") from None
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from None


def _require_own(path: Path) -> None:
    """Refuse a folder that others can change, or that this account doesn't own."""
    folder = path.parent
    try:
        os.stat(folder)
        require_closed(str(folder), trusted_accounts())
    except FileNotFoundError:
        raise StoreError(f"{folder}: is missing; make it, as in: install -d -m 0750 -o bpckeys"
                         f" -g backuppc {folder}") from None
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}") from None
    except Open as error:
        raise StoreError(str(error)) from None
    try:
        require_own(folder)
    except Trouble as trouble:
        raise StoreError(str(trouble)) from None


def _append(database: sqlite3.Connection, host: str, label: str, what: str) -> None:
    last = database.execute("SELECT * FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    number, before = (last[0] + 1, _hash(last)) if last else (1, FIRST)
    row = (number, int(time.time()), host, label, what, before)
    database.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", row)


def _hash(row: tuple[object, ...]) -> str:
    """Return the SHA-256 of an event, its members divided by NUL."""
    return hashlib.sha256("\0".join(map(str, row)).encode("utf-8")).hexdigest()


def _entry(row: tuple[str, str, str, int, str, int, str, int, int]) -> Entry:
    if row[2] not in STATES:
        raise Trouble(Word.STORE, f"{row[0]} {row[1]}: unknown state {row[2]!a};"
                                  " run bpc-ssh-keys rebuild")
    return Entry(*row)
