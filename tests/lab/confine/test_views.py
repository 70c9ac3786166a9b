"""The view of the mounts: what is read-only in it, and what an account without powers gets."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine import account
from bpc_ssh_guard.confine.probe import rehearse
from bpc_ssh_guard.errors import GuardFailure
from tests.unit.confine.forked import told_by

from .setting import CHECKOUT, Setting

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

PROTECTIONS = pytest.mark.parametrize("faults", [(), ("mount_setattr=ENOSYS",)])
NOBODY_ELSE = 65519  # no account of this machine


@PROTECTIONS
def test_file_system_below_a_restore_root_is_written_to(
    tmp_path: Path, faults: tuple[str, ...]
) -> None:
    root = tmp_path / "root"
    (root / "mounted").mkdir(parents=True)
    setting = Setting("restore", (str(root),), faults=faults)

    done = _with_mounts(f"mount -t tmpfs tmpfs {root}/mounted", setting, f"{root}/mounted/new")

    assert done.returncode == 0, done.stderr


@PROTECTIONS
def test_read_only_mount_below_a_restore_root_stays_read_only(
    tmp_path: Path, faults: tuple[str, ...]
) -> None:
    mounted = tmp_path / "root/mounted"
    mounted.mkdir(parents=True)
    setting = Setting("restore", (str(tmp_path / "root"),), faults=faults)
    mounting = f"mount --bind {mounted} {mounted} && mount -o remount,bind,ro {mounted}"

    done = _with_mounts(mounting, setting, f"{mounted}/new")

    assert b"Read-only file system" in done.stderr


@PROTECTIONS
def test_mount_beside_a_restore_root_becomes_read_only(
    tmp_path: Path, faults: tuple[str, ...]
) -> None:
    for name in ("root", "beside with space"):
        (tmp_path / name).mkdir()
    beside = f"{tmp_path}/beside with space"
    setting = Setting("restore", (str(tmp_path / "root"),), faults=faults)

    done = _with_mounts(f"mount -t tmpfs tmpfs '{beside}'", setting, f"{beside}/new")

    assert b"Read-only file system" in done.stderr


def test_whole_system_can_be_a_restore_root(tmp_path: Path) -> None:
    done = Setting("restore", ("/",)).run("/usr/bin/touch", f"{tmp_path}/new")

    assert done.returncode == 0, done.stderr


def test_mount_of_the_host_that_goes_away_goes_away_inside_too(tmp_path: Path) -> None:
    root, mounted = tmp_path / "root", tmp_path / "root/mounted"
    mounted.mkdir(parents=True)
    waiting = Setting("backup", (str(root),)).command("/usr/bin/tail", "-f", "/dev/null")
    # The host's side shares its mounts, as hosts do; the umount fails with EBUSY if it is held.
    script = f"""
        mount --make-shared --bind {root} {root} && mount -t tmpfs tmpfs {mounted}
        {shlex.join(waiting)} &
        until grep -q '^Seccomp:.2' /proc/$!/status; do :; done
        umount {mounted} && ! grep -q {mounted} /proc/$!/mountinfo; status=$?
        kill $!; exit $status
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=CHECKOUT, capture_output=True, timeout=60, check=False,
    )

    assert done.returncode == 0, done.stderr


def test_account_without_powers_gets_what_needs_none(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    setting = Setting("backup", (str(tmp_path),))

    def effective() -> str:
        os.setresgid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE)
        os.setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE)
        return setting.prepare("/bin/true").effective

    assert told_by(effective) == "landlock:7,seccomp"


def test_account_without_powers_may_keep_the_one_to_read(tmp_path: Path) -> None:
    reader = [
        "setpriv", f"--reuid={NOBODY_ELSE}", f"--regid={NOBODY_ELSE}", "--clear-groups",
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
    ]
    tar = ("/usr/bin/tar", "-c", "-C", str(tmp_path), ".")
    command = [*reader, *Setting("backup", (str(tmp_path),)).command(*tar)]
    secret = tmp_path / "secret"
    secret.write_text("nobody's")
    secret.chmod(0)

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=60, check=False)

    assert b"nobody's" in done.stdout, done.stderr


def test_root_behind_a_link_of_another_account_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    os.chown(tmp_path / "link", 12345, 12345, follow_symlinks=False)

    with pytest.raises(GuardFailure) as caught:
        Setting("backup", (f"{tmp_path}/link",)).prepare("/usr/bin/tar")

    assert caught.value.detail == f"{tmp_path}/link: a symbolic link of uid 12345"


def test_root_that_became_such_a_link_after_the_decision_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    prepared = Setting("backup", (str(root),)).prepare("/usr/bin/tar")
    root.rmdir()
    root.symlink_to("/etc")
    os.chown(root, 12345, 12345, follow_symlinks=False)

    assert told_by(prepared.enter) == errno.ELOOP


def test_number_that_a_process_runs_as_is_passed_where_it_must_be_alone() -> None:
    first = account.UNUSED[0]
    process = subprocess.Popen(["setpriv", f"--reuid={first}", "sleep", "60"])
    try:
        while os.stat(f"/proc/{process.pid}").st_uid != first:
            continue
        chosen = account.choose(alone=True, accounts=b"/dev/null")
        shared = account.choose(alone=False, accounts=b"/dev/null")
    finally:
        process.kill()
        process.wait()

    assert chosen is not None and shared is not None
    assert (chosen.uid, shared.uid) == (first - 1, first)


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_rehearsal_finds_every_layer_here_and_leaves_the_caller_free(operation: str) -> None:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        before = file.read()

    found = rehearse(operation, thorough=True)

    assert (found.landlock, found.seccomp, found.namespace, found.jail) == (7, True, True, True)
    assert found.account if operation == "backup" else found.limit
    assert found.failures == ()
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        assert file.read() == before


def test_rehearsal_tries_the_jail_where_landlock_does_not_do() -> None:
    assert rehearse("backup", landlock_limit=0).jail
    assert rehearse("restore", landlock_limit=1).jail
    assert not rehearse("backup", landlock_limit=1).jail


def test_rehearsal_tells_why_a_layer_is_missing() -> None:
    script = "from bpc_ssh_guard.confine.probe import rehearse; print(rehearse('backup').failures)"
    powerless = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]

    done = subprocess.run(
        [*powerless, sys.executable, "-c", script],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True,
    )

    assert "('namespace', 'unshare: Operation not permitted')" in done.stdout


def _with_mounts(
    mounting: str, setting: Setting, path: str
) -> subprocess.CompletedProcess[bytes]:
    """Create PATH inside SETTING, after MOUNTING in a namespace that ends with it."""
    script = f'{mounting} && exec "$@"'
    command = setting.command("/usr/bin/touch", path)
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command],
        cwd=CHECKOUT, capture_output=True, timeout=60, check=False,
    )
