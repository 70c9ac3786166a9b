"""Real rsync and tar, confined, move the same trees as unconfined."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab import trees
from tests.lab.comparison import differences, snapshot

from .setting import CHECKOUT, Setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.lab

RSYNC = ("rsync", "-aHAXS", "--numeric-ids", "--rsync-path=/usr/bin/rsync")
# Without what differs from run to run: tar's process id and times of access.
SAME = "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"
TAR = ("/usr/bin/tar", "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*")
FILE_CAPABILITY = b"".join(n.to_bytes(4, "little") for n in (0x02000001, 0x2000, 0, 0, 0))
LAYERS = pytest.mark.parametrize("landlock", [7, 2, 1, 0])


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Return a tree with everything that a backup must keep."""
    root = f"{tmp_path}/source"
    trees.build(root)
    trees.add_special(root)
    _run(["setfacl", "-m", "u:12345:rw,g:54321:r", f"{root}/plain.txt"])
    _run(["setfacl", "-d", "-m", "u:12345:rwx", f"{root}/folder"])
    os.setxattr(f"{root}/empty", "user.comment", b"\x00binary\xff")
    os.setxattr(f"{root}/plain.txt", "security.capability", FILE_CAPABILITY)
    os.chown(f"{root}/modes/0000", 12345, 54321)
    os.link(f"{root}/modes/0000", f"{root}/folder/hard link to 0000")
    os.mkdir(f"{root}/shut", 0)
    trees.write_file(f"{root}/shut/inside", "nobody may look")
    os.chown(f"{root}/shut", 12345, 54321)
    os.mkdir(f"{root}/group folder")
    os.chown(f"{root}/group folder", 0, 54321)
    os.chmod(f"{root}/group folder", 0o2775)
    for folder in ("folder", "shut", "group folder", ""):  # whole seconds, as for all the rest
        os.utime(f"{root}/{folder}", (trees.EPOCH, trees.EPOCH))
    return root


@LAYERS
def test_rsync_backup_equals_the_source(source: str, tmp_path: Path, landlock: int) -> None:
    setting = Setting("backup", (source,), landlock=landlock)

    _run([*RSYNC, *_through(setting, tmp_path), f"host:{source}/", f"{tmp_path}/copy/"])

    assert _differences(source, f"{tmp_path}/copy") == []


@LAYERS
def test_rsync_transfers_what_changed_since_the_last_backup(
    source: str, tmp_path: Path, landlock: int
) -> None:
    setting, copy = Setting("backup", (source,), landlock=landlock), f"{tmp_path}/copy/"
    _run([*RSYNC, *_through(setting, tmp_path), f"host:{source}/", copy])
    trees.change(source)

    _run([*RSYNC, *_through(setting, tmp_path), "--delete", f"host:{source}/", copy])

    assert _differences(source, copy.rstrip("/")) == []


@LAYERS
def test_tar_archive_is_the_same_byte_for_byte(source: str, landlock: int) -> None:
    command = [*TAR, "-c", "-f", "-", "-C", source, SAME, "."]

    confined = Setting("backup", (source,), landlock=landlock).run(*command)

    assert confined.stdout == _run(command)
    assert confined.returncode == 0


@LAYERS
def test_incremental_tar_archive_is_the_same_byte_for_byte(source: str, landlock: int) -> None:
    trees.change(source, delete=False)
    since = "--newer=2020-01-10 00:00:00"
    command = [*TAR, "-c", "-f", "-", "-C", source, SAME, since, "."]

    confined = Setting("backup", (source,), landlock=landlock).run(*command)

    assert confined.stdout == _run(command)


@LAYERS
def test_rsync_restore_equals_the_source(source: str, tmp_path: Path, landlock: int) -> None:
    setting = _restoring(tmp_path, landlock=landlock, devices=True, setuid=True)

    _run([*RSYNC, *_through(setting, tmp_path), f"{source}/", f"host:{setting.roots[0]}/"])

    assert _differences(source, setting.roots[0]) == []


@LAYERS
def test_tar_restore_equals_an_unconfined_one(source: str, tmp_path: Path, landlock: int) -> None:
    archive = _run([*TAR, "-c", "-f", "-", "-C", source, "."])
    setting = _restoring(tmp_path, landlock=landlock, devices=True, setuid=True)
    free = f"{tmp_path}/free"
    os.mkdir(free)

    _run(setting.command(*TAR, "-x", "-p", "-f", "-", "-C", setting.roots[0]), archive)

    _run([*TAR, "-x", "-p", "-f", "-", "-C", free], archive)
    assert _differences(free, setting.roots[0]) == []


def test_rsync_restore_drops_devices_and_set_id_bits_that_are_not_accepted(
    source: str, tmp_path: Path
) -> None:
    setting = _restoring(tmp_path)
    dropping = [*RSYNC, "--no-D", "--chmod=ug-s", "--no-X"]

    _run([*dropping, *_through(setting, tmp_path), f"{source}/", f"host:{setting.roots[0]}/"])

    assert _set_id_and_devices(setting.roots[0]) == set()
    assert len(snapshot(setting.roots[0])) == len(snapshot(source)) - 2  # null, fifo


def test_hostile_tar_stream_leaves_neither_device_nor_set_user_id(
    source: str, tmp_path: Path
) -> None:
    archive = _run([*TAR, "-c", "-f", "-", "-C", source, "."])
    setting = _restoring(tmp_path)
    command = setting.command(*TAR, "-x", "-p", "-f", "-", "-C", setting.roots[0])

    done = subprocess.run(
        command, input=archive, cwd=CHECKOUT, capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert b"setuid: Cannot change mode" in done.stderr
    assert b"null: Cannot mknod" in done.stderr
    assert _set_id_and_devices(setting.roots[0]) <= {"setgid"}  # of root's group: see FSETID
    assert len(snapshot(setting.roots[0])) == len(snapshot(source)) - 1


def test_restore_writes_nothing_through_a_link_out_of_its_root(
    source: str, tmp_path: Path
) -> None:
    setting, outside = _restoring(tmp_path), f"{tmp_path}/outside"
    os.mkdir(outside)
    os.symlink(outside, f"{setting.roots[0]}/folder")
    archive = _run([*TAR, "-c", "-f", "-", "-C", source, "folder"])

    command = setting.command(*TAR, "-x", "-p", "-f", "-", "-C", setting.roots[0])
    subprocess.run(command, input=archive, cwd=CHECKOUT, capture_output=True, timeout=60)

    assert os.listdir(outside) == []


def test_restore_changes_no_folder_outside_that_a_link_leads_to(
    source: str, tmp_path: Path
) -> None:
    setting, outside = _restoring(tmp_path), f"{tmp_path}/outside"
    os.mkdir(outside, 0o755)
    os.symlink(outside, f"{setting.roots[0]}/link")
    before = os.stat(outside)

    command = [*RSYNC, *_through(setting, tmp_path), f"{source}/", f"host:{setting.roots[0]}/link/"]
    subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=60)

    after = os.stat(outside)
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert os.listdir(outside) == []


def _restoring(tmp_path: Path, **more: object) -> Setting:
    root = f"{tmp_path}/restored"
    os.mkdir(root)
    return Setting("restore", (root,), **more)  # type: ignore[arg-type]  # its own keywords


def _through(setting: Setting, folder: Path) -> list[str]:
    """Return the option that makes rsync start its other half in SETTING instead of on a host."""
    command = shlex.join(setting.command())
    script = f"{folder}/shell"
    with open(script, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nshift\ncd {shlex.quote(CHECKOUT)} && exec {command} "$@"\n')
    os.chmod(script, 0o755)
    return ["-e", script]


def _run(command: Sequence[str], given: bytes = b"") -> bytes:
    done = subprocess.run(
        command, input=given, cwd=CHECKOUT, capture_output=True, timeout=120, check=False
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr.decode(errors="replace"))
        raise RuntimeError(f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _differences(expected: str, found: str) -> list[str]:
    return differences(
        snapshot(expected, extended=True), snapshot(found, extended=True)
    )


def _set_id_and_devices(root: str) -> set[str]:
    found = set()
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            mode = os.lstat(os.path.join(folder, name)).st_mode
            if mode & (stat.S_ISUID | stat.S_ISGID) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                found.add(name)
    return found
