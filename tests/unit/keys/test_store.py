"""The store keeps the journals through kills and many runs, and its events can only grow."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.journal import Entry, State
from bpc_ssh_guard.keys.store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRY = Entry("web1", "web1-backup", State.IDLE, 1, "a" * 32, changed=5, since=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    return folder / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def test_a_journal_is_read_as_it_was_written(store: Store, path: Path) -> None:
    begun = ENTRY.begun(2, "b" * 32, 7)
    store.write(ENTRY, "enrolled")
    store.write(begun, "generated")
    store.write(Entry("web2", "web2-backup"), "enrolled")
    assert store.read("web1", "web1-backup") == begun
    assert store.read("web1", "other") is None
    assert [entry.host for entry in store.entries()] == ["web1", "web2"]
    assert [event[2:] for event in store.events("web1")] == [
        ("web1", "web1-backup", "enrolled"), ("web1", "web1-backup", "generated"),
    ]
    store.check()
    assert [os.stat(f"{path}{tail}").st_mode & 0o777 for tail in ("", "-wal", "-shm")] == [
        0o600, 0o600, 0o600,
    ]


def test_it_is_synced_at_every_commit(store: Store) -> None:
    (mode,) = store._database.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = store._database.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)


def damaged(path: Path, *statements: str) -> None:
    """Change the file as who can write it does, without its own rules."""
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER event_stays")
        database.execute("DROP TRIGGER event_is_kept")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET what = 'nothing' WHERE seq = 2",
        "UPDATE event SET ts = ts + 1 WHERE seq = 2",
        "DELETE FROM event WHERE seq = 2",
        "DELETE FROM event WHERE seq = 1",
        "INSERT INTO event VALUES (9, 0, '', '', '', '')",
    ],
)
def test_a_changed_event_is_found(store: Store, path: Path, statement: str) -> None:
    for number in range(4):
        store.note("web1", "web1-backup", f"event {number}")
    store.check()
    damaged(path, statement)
    with pytest.raises(StoreError, match="was changed or taken out"):
        store.check()


@pytest.mark.parametrize("statement", ["UPDATE event SET what = ''", "DELETE FROM event"])
def test_events_are_only_added(store: Store, path: Path, statement: str) -> None:
    store.note("web1", "web1-backup", "event")
    with pytest.raises(sqlite3.DatabaseError, match="events are only added"):
        store._database.execute(statement)


def test_a_damaged_file_is_told_with_the_way_out(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="bpc-ssh-keys rebuild"):
        Store(path)


def test_a_store_of_a_later_version_is_refused(store: Store, path: Path) -> None:
    store._database.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="version 2"):
        Store(path)


def test_a_folder_that_others_can_write_is_refused(path: Path) -> None:
    path.parent.chmod(0o770)
    with pytest.raises(StoreError, match="writable by others"):
        Store(path)


def test_a_missing_folder_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="install -d -m 0750 -o bpckeys"):
        Store(tmp_path / "nowhere" / "state.db")


WRITER = """
import sys
from pathlib import Path
from bpc_ssh_guard.keys.store import Store
store = Store(Path(sys.argv[1]))
for number in range(20):
    store.note("web1", sys.argv[2], f"event {number}")
"""


def test_many_runs_make_and_write_one_store_at_once(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), f"label{number}"])
        for number in range(6)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 6
    store = Store(path)
    store.check()
    events = store.events()
    assert [event[0] for event in events] == list(range(1, 121))
    for number in range(6):
        told = [event[4] for event in events if event[3] == f"label{number}"]
        assert told == [f"event {each}" for each in range(20)]
    store.close()
