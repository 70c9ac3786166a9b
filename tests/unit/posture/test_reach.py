"""Who reaches a file, by modes and by ACLs that setfacl makes."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpc_ssh_guard.backuppc.disk import Disk
from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.reach import others_read, others_write, weakest, writable

ME = frozenset({os.geteuid()})


@pytest.fixture
def disk(tmp_path):
    """Return a tree with /a/b/file, all 0755 and 0644."""
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_text("")
    for name, mode in (("", 0o755), ("a", 0o755), ("a/b", 0o755), ("a/b/file", 0o644)):
        (root / name).chmod(mode)
    return Disk(root)


def _chmod(disk, name, mode):
    os.chmod(disk.root / name.lstrip("/"), mode)


def _acl(disk, entry, name="/a/b/file"):
    subprocess.run(["setfacl", "-m", entry, disk.root / name.lstrip("/")], check=True)


def test_takes_an_open_file_for_open(disk):
    assert others_read(disk, "/a/b/file").is_open


def test_names_the_folder_that_closes_it(disk):
    _chmod(disk, "/a", 0o750)
    assert others_read(disk, "/a/b/file").why == "closed by /a 0750"


def test_judges_the_way_that_a_link_leads(disk):
    (disk.root / "link").symlink_to("a/b/file")
    _chmod(disk, "/a", 0o750)
    assert not others_read(disk, "/link").is_open


def test_takes_a_named_account_for_a_question(disk):
    _chmod(disk, "/a/b/file", 0o640)
    _acl(disk, "u:65533:r")
    with pytest.raises(Undecided, match="lets uid 65533 in"):
        others_read(disk, "/a/b/file")


def test_knows_that_the_mask_takes_it_away_again(disk):
    _chmod(disk, "/a/b/file", 0o640)
    _acl(disk, "u:65533:r")
    _acl(disk, "m::---")
    assert not others_read(disk, "/a/b/file").is_open


def test_takes_an_acl_without_names_as_the_mode(disk):
    _chmod(disk, "/a/b/file", 0o640)
    _acl(disk, "m::r")
    assert not others_read(disk, "/a/b/file").is_open


def test_needs_no_answer_behind_a_closed_folder(disk):
    _chmod(disk, "/a/b/file", 0o640)
    _acl(disk, "u:65533:r")
    _chmod(disk, "/a/b", 0o700)
    assert others_read(disk, "/a/b/file").why == "closed by /a/b 0700"


def test_finds_a_writer_by_its_acl(disk):
    _acl(disk, "u:65533:rw")
    assert "uid 65533 (ACL)" in writable(disk, "/a/b/file", ME)


def test_trusts_a_trusted_account_in_an_acl(disk):
    _acl(disk, "u:65533:rw")
    assert writable(disk, "/a/b/file", ME | {65533}) is None


def test_tells_the_mask_from_the_group_right(disk):
    """With an ACL the mode's group bits are the mask: w there is nobody's right yet."""
    _acl(disk, "u:65533:r")
    _acl(disk, "m::rw")
    assert writable(disk, "/a/b/file", ME) is None


@pytest.mark.parametrize(("mode", "who"), [(0o664, "group"), (0o646, "others")])
def test_finds_a_writer_by_the_mode(disk, mode, who):
    _chmod(disk, "/a/b/file", mode)
    fault = weakest(disk, "/a/b/file", ME)
    assert (fault.path, fault.by_mode) == ("/a/b/file", True)
    assert fault.why.endswith(f"is writable by {who}")


def test_passes_a_sticky_folder_on_the_way(disk):
    _chmod(disk, "/a", 0o1777)
    assert writable(disk, "/a/b/file", ME) is None


def test_finds_who_can_put_names_into_a_folder(disk):
    _chmod(disk, "/a/b", 0o1777)
    assert others_write(disk, "/a/b").is_open
