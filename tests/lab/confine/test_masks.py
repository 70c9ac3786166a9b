"""What Never names is empty for the program, cannot be written by it, and stays on the host."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from .scene import UID, open_scene
from .setting import CHECKOUT, Setting

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

WHEN = 946_684_800  # 2000-01-01, the time of every mask
TAR = ("/usr/bin/tar", "-c", "-f", "-", "-C")
# Attempts of attempts.py that would show or change what a mask covers.
UNDOING = {
    "unmount_mask", "move_mask_away", "clone_tree_without_masks", "read_masked_file",
    "list_masked_folder", "read_mask_through_bystanders_proc_root", "read_by_handle",
    "walk_by_guessed_handle_below_mask", "write_below_mask", "create_below_mask", "rename_mask",
    "remove_mask", "remount_writable", "set_mount_writable", "mount_something",
    "bind_outside_into_root", "change_root", "pivot_root", "make_user_namespace",
    "make_mount_namespace", "enter_namespace_of_parent", "enter_namespace_by_process",
}


@pytest.fixture
def home(tmp_path: Path) -> str:
    """Return a root with two accounts, each with a folder and a file that Never could name."""
    root = f"{tmp_path}/home"
    for account in ("alice", "bob"):
        os.makedirs(f"{root}/{account}/.ssh")
        _write(f"{root}/{account}/.ssh/id_ed25519", "secret key")
        _write(f"{root}/{account}/.netrc", "secret password")
        _write(f"{root}/{account}/letter", "plain")
    return root


@pytest.mark.parametrize("landlock", [7, 1, 0])
def test_folder_is_empty_and_has_a_constant_time(home: str, landlock: int) -> None:
    members = _archive(home, f"{home}/*/.ssh", landlock=landlock)

    for account in ("alice", "bob"):
        mask = members[f"./{account}/.ssh"]
        assert (mask.mode, mask.uid, mask.mtime) == (0o555, 0, WHEN)
        assert f"./{account}/.ssh/id_ed25519" not in members
        assert f"./{account}/letter" in members


@pytest.mark.parametrize("landlock", [7, 1, 0])
def test_file_is_empty_and_has_a_constant_time(home: str, landlock: int) -> None:
    mask = _archive(home, f"{home}/*/.net*", landlock=landlock)["./alice/.netrc"]

    assert (mask.size, mask.mode, mask.uid, mask.mtime) == (0, 0o444, 0, WHEN)


def test_fifo_and_socket_become_files(home: str) -> None:
    os.mkfifo(f"{home}/fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{home}/socket")

    members = _archive(home, f"{home}/fifo", f"{home}/socket")

    assert members["./fifo"].isreg()
    assert members["./socket"].isreg()


def test_root_of_the_backup_itself_can_be_masked(home: str) -> None:
    done = Setting("backup", (home,), never=(home,)).run(*TAR, home, ".")

    assert done.returncode == 0
    assert _members(done.stdout).keys() == {"."}


def test_root_below_a_masked_folder_is_not_there(home: str) -> None:
    done = Setting("backup", (f"{home}/alice",), never=(home,)).run(*TAR, f"{home}/alice", ".")

    assert done.returncode == 2
    assert done.stdout == b""


def test_link_is_sent_and_what_it_leads_to_is_masked(home: str) -> None:
    os.mkdir(f"{home}/keys")
    _write(f"{home}/keys/key", "secret")
    os.symlink("../keys", f"{home}/alice/.gnupg")

    members = _archive(home, f"{home}/*/.gnupg")

    assert members["./alice/.gnupg"].linkname == "../keys"
    assert "./keys/key" not in members


def test_link_of_an_account_does_not_hide_what_belongs_to_another(home: str) -> None:
    os.chown(f"{home}/bob", 12345, 12345)
    os.symlink("../bob", f"{home}/alice/.gnupg")
    os.lchown(f"{home}/alice/.gnupg", 54321, 54321)

    assert "./bob/letter" in _archive(home, f"{home}/*/.gnupg")


def test_guards_own_state_is_masked_without_being_named(home: str) -> None:
    os.mkdir(f"{home}/state")
    _write(f"{home}/state/grants", "secret")

    assert "./state/grants" not in _archive(home, state=f"{home}/state")


def test_host_keeps_what_is_masked(home: str) -> None:
    _archive(home, f"{home}/*/.ssh", f"{home}/*/.netrc")

    with open(f"{home}/alice/.ssh/id_ed25519", encoding="ascii") as file:
        assert file.read() == "secret key"
    assert os.stat(f"{home}/alice/.netrc").st_size > 0


@pytest.mark.parametrize("landlock", [7, 0])
def test_mask_holds_where_everything_may_be_read(tmp_path: Path, landlock: int) -> None:
    with open_scene(str(tmp_path), UID) as scene:
        setting = Setting("backup", ("/",), never=(scene.masked,), landlock=landlock, uid=UID)
        worked = {name for name, code in scene.outcome(setting).items() if code == 0}

    assert "read_file_outside" in worked
    assert worked & UNDOING == set()


@pytest.mark.parametrize("options", [[], ["--delete"]])
def test_rsync_restore_leaves_masked_paths_alone(
    home: str, tmp_path: Path, options: list[str]
) -> None:
    backup = f"{tmp_path}/backup"
    os.makedirs(f"{backup}/alice/.ssh")
    os.chmod(f"{backup}/alice/.ssh", 0o555)
    _write(f"{backup}/alice/.netrc", "")
    os.chmod(f"{backup}/alice/.netrc", 0o444)
    for name in (".ssh", ".netrc"):
        os.utime(f"{backup}/alice/{name}", (WHEN, WHEN))
    never = (f"{home}/*/.ssh", f"{home}/*/.netrc")

    done = _push(Setting("restore", (home,), never=never), [*options, f"{backup}/alice/"], home)

    assert done.returncode == 0, done.stderr
    assert os.listdir(f"{home}/alice/.ssh") == ["id_ed25519"]
    assert os.stat(f"{home}/alice/.netrc").st_size > 0
    assert os.path.exists(f"{home}/alice/letter") == (not options)


def test_rsync_restore_of_an_older_backup_does_not_write_into_masked_paths(
    home: str, tmp_path: Path
) -> None:
    backup = f"{tmp_path}/backup"
    os.makedirs(f"{backup}/.ssh")
    _write(f"{backup}/.ssh/id_ed25519", "an older key")

    done = _push(Setting("restore", (home,), never=(f"{home}/*/.ssh",)), [f"{backup}/"], home)

    assert done.returncode == 23
    with open(f"{home}/alice/.ssh/id_ed25519", encoding="ascii") as file:
        assert file.read() == "secret key"


def test_tar_restore_does_not_replace_a_masked_file(home: str, tmp_path: Path) -> None:
    archive = f"{tmp_path}/archive"
    with tarfile.open(archive, "w") as file:
        file.add(f"{home}/alice/letter", ".netrc")
    setting = Setting("restore", (home,), never=(f"{home}/*/.netrc",))

    command = setting.command("/usr/bin/tar", "-x", "-f", "-", "-C", f"{home}/alice")
    with open(archive, "rb") as stream:
        done = subprocess.run(command, stdin=stream, cwd=CHECKOUT, capture_output=True, timeout=60)

    assert done.returncode == 2
    with open(f"{home}/alice/.netrc", encoding="ascii") as file:
        assert file.read() == "secret password"


def _archive(
    root: str, *never: str, landlock: int = 7, state: str = "/nonexistent/state"
) -> dict[str, tarfile.TarInfo]:
    """Return what a confined tar sends of ROOT, by name."""
    setting = Setting("backup", (root,), never=never, landlock=landlock, state=state)
    done = setting.run(*TAR, root, ".")
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return _members(done.stdout)


def _members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=BytesIO(archive)) as file:
        return {member.name: member for member in file.getmembers()}


def _push(
    setting: Setting, words: list[str], home: str
) -> subprocess.CompletedProcess[bytes]:
    """Restore into alice's folder of HOME by rsync, its receiver confined."""
    shell = f"cd {shlex.quote(CHECKOUT)} && shift && exec {shlex.join(setting.command())} \"$@\""
    script = os.path.join(os.path.dirname(home), "shell")
    _write(script, f"#!/bin/sh\n{shell}\n")
    os.chmod(script, 0o755)
    command = ["rsync", "-a", "-e", script, "--rsync-path=/usr/bin/rsync", *words]
    return subprocess.run(
        [*command, f"host:{home}/alice/"], capture_output=True, timeout=60, check=False
    )


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
