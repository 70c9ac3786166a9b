"""The store: byte-exact, whole lines only, bounded, and closed to names that leave it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.audit.store import REJECTED, HostStore, Store, StoreError

from .written import Log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Return a log of eleven records."""
    log = Log(tmp_path / "client")
    log.append(10)
    return log


@pytest.fixture
def place(tmp_path: Path) -> HostStore:
    place = Store(str(tmp_path / "store")).host("web1")
    with place.locked():
        pass
    return place


def stored(place: HostStore) -> bytes:
    with open(place.segments()[0].path, "rb") as file:
        return file.read()


def sent(folder: Path, content: bytes) -> str:
    path = folder / "sent"
    path.write_bytes(content)
    return str(path)


def test_what_is_appended_in_pieces_is_the_log_byte_for_byte(
    log: Log, place: HostStore, tmp_path: Path
) -> None:
    lines = log.lines()
    for first, part in ((0, lines[:4]), (4, lines[4:])):
        content = b"".join(part)
        place.append(sent(tmp_path, content), first, len(content))
    assert stored(place) == b"".join(lines)
    assert place.next_record() == 11


@pytest.mark.parametrize("cut", [1, 50, 400])
def test_what_a_killed_run_left_of_a_line_is_dropped(
    log: Log, place: HostStore, tmp_path: Path, cut: int
) -> None:
    content = b"".join(log.lines())
    place.append(sent(tmp_path, content), 0, len(content))
    os.truncate(place.segments()[0].path, len(content) - cut)
    whole = content[: -cut].rfind(b"\n") + 1
    assert place.next_record() == place.resume() == content[:whole].count(b"\n")
    assert stored(place) == content[:whole]


def test_a_line_that_only_looks_like_the_first_of_a_segment_begins_none(
    log: Log, place: HostStore, tmp_path: Path
) -> None:
    lines = log.lines()
    lines.insert(5, lines[0])
    content = b"".join(lines)
    place.append(sent(tmp_path, content), 0, len(content))
    assert len(place.segments()) == 1
    assert stored(place) == content


def test_what_begins_no_segment_is_not_stored(log: Log, place: HostStore, tmp_path: Path) -> None:
    [content] = log.lines()[3:4]
    with pytest.raises(StoreError):
        place.append(sent(tmp_path, content), 3, len(content))
    assert place.segments() == []


def test_lies_are_kept_once_and_only_so_many(place: HostStore, tmp_path: Path) -> None:
    folder = os.path.join(place.folder, "rejected")
    assert "kept apart" in place.reject(sent(tmp_path, b"a"), 7)
    assert "kept apart" in place.reject(sent(tmp_path, b"ab"), 7)
    assert os.listdir(folder) == ["7.jsonl"]
    told = [place.reject(sent(tmp_path, b"%d" % number), number) for number in range(30)]
    assert len(os.listdir(folder)) == REJECTED
    assert "nothing kept" in told[-1]


def test_two_runs_do_not_collect_one_host_at_once(place: HostStore) -> None:
    with place.locked(), pytest.raises(StoreError, match="another run"):
        place.locked().__enter__()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", "keys", "a\n", "x" * 300])
def test_a_name_that_leaves_the_store_is_no_host(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        Store(str(tmp_path)).host(name)
