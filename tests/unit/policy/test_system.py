"""Restore roots keep away from what a restore must not write over: by name and by real path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bpc_ssh_guard
from bpc_ssh_guard.policy.system import find_overlap

PACKAGE = os.path.dirname(os.path.abspath(bpc_ssh_guard.__file__)).encode()
SYSTEM = (
    b"/etc", b"/root", b"/usr", b"/bin", b"/sbin", b"/lib", b"/boot", b"/dev", b"/proc", b"/sys",
    b"/run", b"/var/spool/cron",
)  # fmt: skip


@pytest.mark.parametrize("place", SYSTEM)
def test_finds_a_place_itself_and_what_lies_in_it(place: bytes) -> None:
    assert find_overlap(place, ()) is not None
    assert find_overlap(place + b"/x/y", ()) is not None


@pytest.mark.parametrize("root", [b"/", b"/var", b"/var/spool"])
def test_finds_a_folder_that_holds_a_place(root: bytes) -> None:
    assert find_overlap(root, ()) is not None


@pytest.mark.parametrize("root", [b"/srv/restore", b"/srv", b"/etcX", b"/rootX/y", b"/usrlocal"])
def test_takes_a_folder_of_its_own(root: bytes) -> None:
    assert find_overlap(root, ()) is None


def test_takes_a_temporary_folder(tmp_path: Path) -> None:
    assert find_overlap(os.fsencode(tmp_path), ()) is None


def test_finds_the_guards_own_files() -> None:
    own = (b"/opt/guard/policy", b"/opt/log")
    assert find_overlap(b"/opt/guard", own) == b"/opt/guard/policy"
    assert find_overlap(b"/opt/log/x", own) == b"/opt/log"
    assert find_overlap(b"/opt", own) is not None
    assert find_overlap(b"/opt/guardX", own) is None


def test_finds_the_guards_code() -> None:
    assert find_overlap(PACKAGE, ()) == PACKAGE
    assert find_overlap(os.path.dirname(PACKAGE), ()) is not None
    assert find_overlap(PACKAGE + b"/policy", ()) is not None


@pytest.mark.parametrize(
    "root", [b"/home", b"/home/someone", b"/home/someone/.ssh", b"/home/someone/.ssh/x"]
)
def test_finds_a_home_that_no_account_file_lists(root: bytes) -> None:
    assert find_overlap(root, ()) is not None


def test_takes_a_folder_below_a_home() -> None:
    assert find_overlap(b"/home/someone/restore", ()) is None


def test_follows_a_symbolic_link_on_the_way_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert find_overlap(os.fsencode(tmp_path / "link"), ()) == b"/etc"
    assert find_overlap(os.fsencode(tmp_path / "link" / "cron.d"), ()) == b"/etc"


def test_follows_a_symbolic_link_on_the_way_to_the_guards_own_files(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to("real")
    own = (os.fsencode(tmp_path / "link" / "log"),)
    assert find_overlap(os.fsencode(real), own) is not None
    assert find_overlap(os.fsencode(real / "log"), own) is not None
