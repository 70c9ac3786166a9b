"""The state folder is used only where nobody but root and the guard's account can have written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.state import open_folder
from bpc_ssh_guard.vocabulary import Reason

STRANGER = 12345  # no account of any machine; only a number that is not ours


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return the path of a state folder with a folder `grants`, closed to others."""
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/grants").mkdir(mode=0o700)
    return tmp_path / "state"


def enter(base: Path, make: bool = False) -> None:
    os.close(open_folder(os.fsencode(base), b"grants", make))


def complaint(base: Path, make: bool = False) -> str:
    with pytest.raises(GuardFailure) as caught:
        enter(base, make)
    assert caught.value.reason == Reason.BAD_GRANT
    return caught.value.detail


def test_opens_the_folder_itself(base: Path) -> None:
    folder = open_folder(os.fsencode(base), b"grants")
    assert os.path.samestat(os.fstat(folder), os.stat(base / "grants"))
    assert not os.get_inheritable(folder)
    os.close(folder)


def test_makes_both_folders_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        enter(tmp_path / "state", make=True)
    finally:
        os.umask(before)
    for path in (tmp_path / "state", tmp_path / "state/grants"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_makes_no_folder_above_the_two(tmp_path: Path) -> None:
    said = complaint(tmp_path / "missing/state", make=True)
    assert said.startswith(f"{tmp_path}/missing: no such file or directory; make it")


@pytest.mark.parametrize("missing", ["state", "state/grants"])
def test_says_that_a_folder_is_missing_and_makes_none_unasked(base: Path, missing: str) -> None:
    (base / "grants").rmdir()
    if missing == "state":
        base.rmdir()
    with pytest.raises(FileNotFoundError):
        enter(base)
    assert not (base.parent / missing).exists()


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
@pytest.mark.parametrize("depth", [".", "grants"])
def test_refuses_folders_that_others_may_write_to(base: Path, mode: int, depth: str) -> None:
    (base / depth).chmod(mode)
    said = complaint(base)
    assert said.startswith(f"{base / depth}: is writable by group or others; ")


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_refuses_a_folder_above_that_others_may_write_to(base: Path, mode: int) -> None:
    base.parent.chmod(mode)
    assert complaint(base).startswith(f"{base.parent}: is writable by group or others; ")


def test_takes_a_sticky_folder_above(base: Path) -> None:
    base.parent.chmod(0o1777)
    enter(base)


@pytest.mark.parametrize("link", ["parent", "state", "grants"])
def test_follows_no_symbolic_link(base: Path, link: str) -> None:
    real = {"parent": base.parent, "state": base, "grants": base / "grants"}[link]
    moved = real.with_name("moved") if link != "parent" else real / "moved"
    if link == "parent":
        moved.symlink_to(base.parent)
        path = moved / "state"
    else:
        real.rename(moved)
        real.symlink_to(moved)
        path = base
    assert "no symbolic link" in complaint(path)
    assert "no symbolic link" in complaint(path, make=True)


def test_refuses_a_file_in_place_of_a_folder(base: Path) -> None:
    (base / "grants").rmdir()
    (base / "grants").touch()
    assert complaint(base, make=True).startswith(f"{base}/grants: not a directory; ")


@pytest.mark.lab
@pytest.mark.parametrize("depth", ["..", ".", "grants"])
def test_refuses_folders_of_another_account(base: Path, depth: str) -> None:
    os.chown(base / depth, STRANGER, -1)
    said = complaint(base)
    assert said == f"{(base / depth).resolve()}: belongs to uid {STRANGER}; give it to root"


def test_leaves_no_descriptor_open(base: Path) -> None:
    before = os.listdir("/proc/self/fd")
    enter(base, make=True)
    (base / "grants").chmod(0o777)
    complaint(base)
    base.chmod(0o777)
    complaint(base)
    complaint(base.parent / "missing/state", make=True)
    assert len(os.listdir("/proc/self/fd")) == len(before)
