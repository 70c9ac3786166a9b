"""Landlock's rules, in force in a child: what each version keeps in."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine import capabilities, landlock
from bpc_ssh_guard.confine.places import Pathfinder

from .forked import told_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = b"/usr/bin/tar"
VERSIONS = pytest.mark.parametrize("version", [1, 2, 4, 6, 7])


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return a folder with a root and an outside."""
    for name in ("root", "root/sub", "outside"):
        (tmp_path / name).mkdir()
    for name in ("root/file", "outside/file"):
        (tmp_path / name).write_text("text")
    (tmp_path / "root/link").symlink_to(tmp_path / "outside/file")
    return tmp_path


def confined(
    top: Path, version: int, rights: int, action: Callable[[], object], *more: Path
) -> object:
    """Return what ACTION does with RIGHTS on the root, or its errno."""

    def act() -> object:
        roots = [os.fsencode(path) for path in (top / "root", *more)]
        rules = landlock.ruleset(version, landlock.needs(PROGRAM), roots, rights, Pathfinder())
        capabilities.forbid_new_privileges()
        rules.enforce()
        return action()

    return told_by(act)


def read(path: Path) -> Callable[[], str]:
    """Return what reads PATH."""
    return lambda: path.read_text()


def test_this_kernel_has_the_version_that_the_tests_are_for() -> None:
    assert landlock.abi() == 7
    assert landlock.abi(limit=4) == 4


def test_corrections_of_the_kernel_are_told() -> None:
    assert landlock.errata() >= 0


@VERSIONS
def test_reads_below_the_root_and_nothing_else(top: Path, version: int) -> None:
    reading = landlock.READ_TREE

    assert confined(top, version, reading, read(top / "root/file")) == "text"
    assert confined(top, version, reading, read(top / "outside/file")) == errno.EACCES
    assert confined(top, version, reading, read(top / "root/link")) == errno.EACCES


@VERSIONS
def test_backup_changes_nothing_in_its_root(top: Path, version: int) -> None:
    file, new = top / "root/file", top / "root/new"

    for action in (file.unlink, lambda: new.write_text("x"), lambda: file.write_text("x")):
        assert confined(top, version, landlock.READ_TREE, action) == errno.EACCES


@VERSIONS
def test_restore_writes_below_its_root_and_nowhere_else(top: Path, version: int) -> None:
    rights = landlock.root_rights(writable=True, devices=False)

    assert confined(top, version, rights, lambda: (top / "root/new").write_text("x")) == 1
    refused = confined(top, version, rights, lambda: (top / "outside/new").write_text("x"))
    assert refused == errno.EACCES


@pytest.mark.parametrize(("version", "expected"), [(1, errno.EXDEV), (2, None), (7, None)])
def test_first_version_forbids_hard_links_between_folders(
    top: Path, version: int, expected: int | None
) -> None:
    rights = landlock.root_rights(writable=True, devices=False)

    def link() -> None:
        os.link(top / "root/file", top / "root/sub/link")

    assert confined(top, version, rights, link) == expected


@pytest.mark.parametrize("version", [2, 7])
def test_no_hard_link_is_made_to_what_lies_outside(top: Path, version: int) -> None:
    rights = landlock.root_rights(writable=True, devices=False)

    def link() -> None:
        os.link(top / "outside/file", top / "root/stolen")

    assert confined(top, version, rights, link) in (errno.EXDEV, errno.EACCES)


@pytest.mark.parametrize(("version", "expected"), [(2, None), (3, errno.EACCES), (7, errno.EACCES)])
def test_truncating_is_forbidden_from_version_three_on(
    top: Path, version: int, expected: int | None
) -> None:
    def cut() -> None:
        os.truncate(top / "outside/file", 1)

    assert confined(top, version, landlock.READ_TREE, cut) == expected


def test_root_may_be_a_single_file(top: Path) -> None:
    reading = landlock.READ_TREE

    assert confined(top, 7, reading, read(top / "outside/file"), top / "outside/file") == "text"


def test_missing_root_gets_no_rule_and_hinders_nothing(top: Path) -> None:
    assert confined(top, 7, landlock.READ_TREE, read(top / "root/file"), top / "missing") == "text"


def test_root_reached_by_a_link_of_ones_own_is_readable(top: Path) -> None:
    (top / "other").symlink_to("outside")

    reading = landlock.READ_TREE
    assert confined(top, 7, reading, read(top / "outside/file"), top / "other") == "text"


def test_program_may_read_its_libraries_but_list_no_folder_of_theirs(top: Path) -> None:
    reading = landlock.READ_TREE

    assert confined(top, 7, reading, lambda: os.open("/etc/passwd", os.O_RDONLY) > 2) is True
    assert confined(top, 7, reading, lambda: os.listdir("/usr/lib")) == errno.EACCES
    assert confined(top, 7, reading, lambda: os.listdir("/etc")) == errno.EACCES


def test_null_device_may_be_written(top: Path) -> None:
    assert confined(top, 7, landlock.READ_TREE, lambda: os.open("/dev/null", os.O_RDWR) > 2) is True


def test_device_nodes_need_rights_of_their_own() -> None:
    plain = landlock.root_rights(writable=True, devices=False)

    assert plain == 0x77BE
    assert landlock.root_rights(writable=True, devices=True) == 0x7FFE
    assert landlock.root_rights(writable=False, devices=True) == 0xC


def test_version_that_is_not_known_is_not_used() -> None:
    assert max(landlock.KNOWN) == landlock.NEWEST
    with pytest.raises(KeyError):
        landlock.Ruleset(landlock.NEWEST + 1)
