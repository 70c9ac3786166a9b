"""The first pair of a label comes into its place whole, or leaves nothing behind."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.first import generate_first, is_fresh, put_first
from bpc_ssh_guard.keys.transport import private_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "web1" / "web1-backup"


def test_it_is_in_use_at_once_beside_what_came_with_it(folder: Path) -> None:
    assert is_fresh(folder)
    first = generate_first(folder)
    put_first(first, {"note": b"text"}, os.getegid())

    assert not is_fresh(folder)
    pairs = Pairs(folder)
    assert pairs.current() == first.pair
    assert pairs.all() == {1: first.pair}
    assert private_key(first.pair.path).get_base64() == first.pair.public.split()[1]
    assert (folder / "note").read_bytes() == b"text"
    assert sorted(os.listdir(folder)) == ["current", "g1", "g1.pub", "note"]
    assert os.listdir(folder.parent) == [folder.name]
    for each in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o750
    assert stat.S_IMODE(first.pair.path.stat().st_mode) == 0o640


def test_what_a_killed_run_left_beside_is_no_hindrance(folder: Path) -> None:
    beside = folder.with_name(folder.name + ".new")
    beside.mkdir(parents=True)
    (beside / "g1").write_text("half a key")
    put_first(generate_first(folder), {})
    assert os.listdir(folder.parent) == [folder.name]


def test_a_key_that_is_there_is_not_replaced(folder: Path) -> None:
    put_first(generate_first(folder), {})
    before = (folder / "g1").read_bytes()
    with pytest.raises(OSError, match="not empty"):
        put_first(generate_first(folder), {})
    assert (folder / "g1").read_bytes() == before
    assert os.listdir(folder.parent) == [folder.name]


def test_no_part_of_it_is_left_where_one_file_cannot_be_written(folder: Path) -> None:
    with pytest.raises(OSError):
        put_first(generate_first(folder), {"no/folder": b""})
    assert os.listdir(folder.parent) == []


def test_its_private_half_is_not_shown(folder: Path) -> None:
    first = generate_first(folder)
    secret = first.private.split(b"\n")[2].decode("ascii")
    assert len(secret) > 20
    assert secret not in repr(first)
    assert first.pair.key_id in repr(first)
