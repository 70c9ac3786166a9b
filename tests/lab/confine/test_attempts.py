"""Code running inside a confined program gets out by no way but those named here."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from . import attempts
from .scene import UID, open_scene
from .setting import Setting

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

# Landlock and the filter govern no call that only looks at names; a jail leaves no names outside.
NAMES = {"stat_outside", "read_link_outside", "read_attribute_outside", "hold_path_outside"}
ALWAYS = {"map_writable_and_executable"}
# Below version 6 Landlock does not keep signals in; the uid alone does.
SIGNALS = {"signal_process_of_same_uid"}
# A restore is uid 0 without the capability to signal others: root's processes are its own.
ROOT_SIGNALS = {"signal_process_of_same_uid", "signal_parent"}
RESTORING = {"create_in_root", "write_in_root", "change_mode_in_root", "unlink_in_root"}


@pytest.mark.parametrize(
    ("landlock", "first_layer", "ways_out"),
    [
        (7, "landlock:7", NAMES),
        (6, "landlock:6", NAMES),
        (4, "landlock:4", NAMES | SIGNALS),
        (2, "landlock:2", NAMES | SIGNALS),
        (1, "landlock:1", NAMES | SIGNALS),
        (0, "jail", SIGNALS),
    ],
)
def test_backup_gets_out_by_no_other_way(
    tmp_path: Path, landlock: int, first_layer: str, ways_out: set[str]
) -> None:
    with open_scene(str(tmp_path), UID) as scene:
        setting = Setting(
            "backup", (scene.root,), never=(scene.masked,), landlock=landlock, uid=UID
        )
        worked = {name for name, code in scene.outcome(setting).items() if code == 0}

    assert _effective(setting) == f"{first_layer},seccomp,uid,caps,ns,masks:1"
    assert worked == ways_out | ALWAYS


@pytest.mark.parametrize(
    ("landlock", "first_layer", "ways_out"),
    [
        (7, "landlock:7", NAMES),
        (6, "landlock:6", NAMES),
        (4, "landlock:4", NAMES | ROOT_SIGNALS),
        (2, "landlock:2", NAMES | ROOT_SIGNALS),
        (1, "jail", ROOT_SIGNALS),
        (0, "jail", ROOT_SIGNALS),
    ],
)
def test_restore_gets_out_by_no_other_way(
    tmp_path: Path, landlock: int, first_layer: str, ways_out: set[str]
) -> None:
    with open_scene(str(tmp_path), 0) as scene:
        setting = Setting("restore", (scene.root,), never=(scene.masked,), landlock=landlock)
        worked = {name for name, code in scene.outcome(setting).items() if code == 0}

    assert _effective(setting) == f"{first_layer},seccomp,caps,ns,masks:1"
    assert worked == ways_out | ALWAYS | RESTORING


def test_kernel_without_mount_setattr_keeps_as_much_in(tmp_path: Path) -> None:
    with open_scene(str(tmp_path), 0) as scene:
        setting = Setting(
            "restore", (scene.root,), never=(scene.masked,), faults=("mount_setattr=ENOSYS",)
        )
        worked = {name for name, code in scene.outcome(setting).items() if code == 0}

    assert worked == NAMES | ALWAYS | RESTORING


def test_accepted_devices_and_set_user_ids_open_nothing_else(tmp_path: Path) -> None:
    with open_scene(str(tmp_path), 0) as scene:
        setting = Setting(
            "restore", (scene.root,), never=(scene.masked,), devices=True, setuid=True
        )
        worked = {name for name, code in scene.outcome(setting).items() if code == 0}

    accepted = {
        "make_device_in_root", "set_user_id_bit_in_root", "give_file_capability_in_root",
    }
    assert worked == NAMES | ALWAYS | RESTORING | accepted


def test_changes_nothing_outside(tmp_path: Path) -> None:
    with open_scene(str(tmp_path), 0) as scene:
        before = _state(scene.outside)

        scene.outcome(Setting("restore", (scene.root,), devices=True, setuid=True))

        assert _state(scene.outside) == before


def test_every_attempt_works_where_nothing_confines_it(tmp_path: Path) -> None:
    with open_scene(str(tmp_path), 0) as scene:
        masked = f"mount --bind {scene.root}/aside {scene.masked} && exec \"$@\""
        done = subprocess.run(
            ["unshare", "--mount", "--ipc", "sh", "-c", masked, "sh", *scene.command()],
            env={"PYTHONHOME": f"{scene.root}/python", "PATH": "/usr/bin:/bin"},
            capture_output=True, timeout=60, check=True,
        )

    assert {name for name, code in json.loads(done.stdout).items() if code != 0} == set()
    assert len(attempts.ATTEMPTS) > 100


def _effective(setting: Setting) -> str:
    return setting.prepare("/bin/true").effective


def _state(folder: str) -> dict[str, tuple[int, ...]]:
    """Return what could change of every entry below FOLDER; times of access aside."""
    entries = [os.path.join(top, name) for top, _, files in os.walk(folder) for name in files]
    found = {path: os.lstat(path) for path in [folder, *entries]}
    kept = ("st_mode", "st_uid", "st_gid", "st_nlink", "st_size", "st_mtime_ns")
    return {
        path: tuple(getattr(each, name) for name in kept) for path, each in found.items()
    }
