"""The serials of one authority, and what each was given to: never twice, whoever is killed.

A certificate is noted, durably, before it is signed: the file may name some that were never made,
and never lacks one that was.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...duration import DAY
from ..trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAME: Final = "serials.db"
KEPT: Final = 90 * DAY  # after its end, for whoever asks which certificate a log speaks of
_BUSY_SECONDS: Final = 30.0
_VERSION: Final = 1
# AUTOINCREMENT: a number is not used again even if its row was deleted (sqlite.org/autoinc.html).
_TABLE: Final = """CREATE TABLE issued (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, label TEXT NOT NULL,
    authority INTEGER NOT NULL, key TEXT NOT NULL, begins INTEGER NOT NULL, ends INTEGER NOT NULL
)"""
_ADD: Final = ("INSERT INTO issued (host, label, authority, key, begins, ends)"
               " VALUES (?, ?, ?, ?, ?, ?)")


@dataclass(frozen=True)
class Item:
    """A certificate to be: for the key KEY of LABEL on HOST, from BEGINS to ENDS (epoch)."""

    host: str
    label: str
    authority: int  # generation of the authority
    key: str
    begins: int
    ends: int


class Serials:
    """The serials in FOLDER, which `begin` made; threads may share it. Raises Trouble."""

    def __init__(self, folder: Path) -> None:
        self._path: Final = folder / NAME
        self._mutex: Final = threading.Lock()
        with self._told():
            if not self._path.is_file():
                raise Trouble(Word.FILES, f"{self._path}: is missing, and a serial must not be used"
                                          " again; bring it back, or move the folder away and run"
                                          " bpc-ssh-keys ca init")
            self._database: Final = _opened(self._path)
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            raise Trouble(Word.FILES, f"{self._path}: is of version {version}, not {_VERSION}")

    @staticmethod
    def begin(folder: Path) -> None:
        """Make the file in FOLDER, where there is none; raises OSError."""
        path = folder / NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        database = _opened(path)
        try:
            database.execute("BEGIN IMMEDIATE")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                database.execute(_TABLE)
                database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute("COMMIT")
        finally:
            database.close()

    def take(self, items: Sequence[Item], now: int) -> list[int]:
        """Return a serial for each of ITEMS, noted durably; each is higher than all before."""
        taken = []
        with self._mutex, self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.execute("DELETE FROM issued WHERE ends < ?", (now - KEPT,))
                for item in items:
                    row = (item.host, item.label, item.authority, item.key, item.begins, item.ends)
                    taken.append(int(self._database.execute(_ADD, row).lastrowid or 0))
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        return taken

    def all(self) -> list[tuple[int, Item]]:
        """Return what was noted, by serial."""
        with self._mutex, self._told():
            rows = self._database.execute("SELECT * FROM issued ORDER BY serial").fetchall()
        return [(row[0], Item(*row[1:])) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Trouble(Word.FILES, f"{self._path}: {error}") from None


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None,
                               check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    return database
