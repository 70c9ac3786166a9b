"""A real BackupPC goes on while its keys are replaced, and restores while a grant is open."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.render import settings
from tests.docs.pages import KEYS, rendered
from tests.lab import trees
from tests.lab.comparison import differences, snapshot
from tests.lab.host import unfinished
from tests.lab.process import wait_for

from .backuppc import METHODS, BackupPcWorld, is_start, open_backuppc_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpc_ssh_guard.keys.files import Pair
    from tests.lab.backuppc import Backup

pytestmark = pytest.mark.lab

DONE = "full backup complete"
# How BackupPC's log says that no grant is open: before a key had any, and after.
BY_GUARD = "bpc-ssh-guard: refused (no-window)"
BY_SSHD = "Permission denied (publickey)"
BIG = 128 << 20  # bytes: more than is on its way before the run can be stopped


@pytest.fixture(scope="module")
def world() -> Iterator[BackupPcWorld]:
    """A BackupPC with a client for each method, and the settings that `render` shows."""
    with open_backuppc_world(METHODS) as world:
        world.backuppc.configure(settings(world.keys.config))
        for method in METHODS:
            world.add_host(method, method)
            trees.write_file(f"{world.data(method)}/file", "to be kept\n")
        yield world


def kept(world: BackupPcWorld, pair: Pair) -> Pair:
    """Return PAIR in a place where nobody removes it, as a thief's copy."""
    path = Path(f"{world.folder}/kept-{pair.key_id}")
    shutil.copyfile(pair.path, path)
    return dataclasses.replace(pair, path=path)


def rotate(world: BackupPcWorld, name: str, *words: str) -> str:
    """Rotate the backup key of NAME with WORDS and return how that ended."""
    records = world.keys.records("rotate", "--host", name, "--label", "backup", *words)
    return str(records[-1]["outcome"])


def resume(world: BackupPcWorld, name: str) -> str:
    """Go on with the rotation of NAME and return how that ended."""
    return str(world.keys.records("resume", "--host", name, "--label", "backup")[-1]["outcome"])


@pytest.mark.parametrize("name", METHODS)
def test_the_old_key_goes_when_backuppc_has_a_good_backup_by_the_new_one(
    world: BackupPcWorld, name: str
) -> None:
    assert world.backuppc.full(name).completed(DONE)
    old = kept(world, world.keys.current(f"{name}-backup"))
    assert rotate(world, name) == "soaking"
    assert resume(world, name) == "soaking"
    world.soak_begins(name)
    mark = world.logs[name].mark()

    assert world.backuppc.incremental(name).completed("incr backup complete")

    assert world.used(name, mark) == [world.in_use(name)]
    assert world.in_use(name)[1] != old.key_id
    assert world.keys.greeting(f"{name}-backup", old)  # it could still be taken back
    assert resume(world, name) == "rotated"
    assert not world.keys.greeting(f"{name}-backup", old)


@pytest.mark.parametrize("name", METHODS)
def test_a_backup_that_runs_while_its_key_is_replaced_ends_well(
    world: BackupPcWorld, name: str
) -> None:
    with open(f"{world.data(name)}/big", "wb") as file:
        file.write(os.urandom(BIG))
    old = kept(world, world.keys.current(f"{name}-backup"))
    mark = world.logs[name].mark()
    begun = time.time()
    running = world.backuppc.start_full(name)
    try:
        wait_for("the command to start", lambda: any(map(is_start, world.logs[name].since(mark))))
        os.killpg(running.pid, signal.SIGSTOP)  # it stays in the middle of its transfer
        assert rotate(world, name, "--emergency") == "rotated"
        assert not world.keys.greeting(f"{name}-backup", old)
        assert unfinished(world.logs[name].since(mark))
        os.killpg(running.pid, signal.SIGCONT)
        assert running.wait(60) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        os.unlink(f"{world.data(name)}/big")
    assert world.used(name, mark) == [(f"{name}-backup", old.key_id)]
    assert world.backuppc.kinds(name)[-1] == "full"
    assert world.backuppc.ended(name) >= begun

    mark = world.logs[name].mark()
    assert world.backuppc.incremental(name).completed("incr backup complete")
    assert world.used(name, mark) == [world.in_use(name)]


@pytest.mark.parametrize("name", METHODS)
def test_a_restore_works_while_its_grant_is_open_and_at_no_other_time(
    world: BackupPcWorld, name: str
) -> None:
    assert world.backuppc.full(name).completed(DONE)

    def restore() -> Backup:
        world.empty(name)
        return world.backuppc.restore(name, world.data(name), name, world.restored(name))

    def require_refused(words: str) -> None:
        """Hold that a restore fails, and that BackupPC's log says WORDS for it."""
        done = restore()
        assert os.listdir(world.restored(name)) == []
        assert not done.completed("restore complete")
        assert words in done.text, done.text

    require_refused(BY_GUARD)
    world.keys.run("grant", "restore", name, "--for", "10m")
    mark = world.logs[name].mark()
    assert restore().completed("restore complete")
    assert differences(snapshot(world.data(name)), snapshot(world.restored(name)),
                       folder_times=name == "rsync") == []
    assert set(world.used(name, mark)) == {world.in_use(name, "restore")}
    world.keys.run("ungrant", "restore", name)
    require_refused(BY_SSHD)
    shown = " ".join(rendered(KEYS).split())
    assert BY_GUARD in shown
    assert BY_SSHD in shown
