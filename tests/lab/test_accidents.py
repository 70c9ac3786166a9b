"""Accidents during a confined run leave no half-confined program, no mount, and a true record."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from .process import wait_for

if TYPE_CHECKING:
    from .host import CommandLog, GuardedHost
    from .site import Site

pytestmark = pytest.mark.lab

COMMAND = "tar -c -f - -C {data}/accidents ."
BLOCK = 1 << 20


@pytest.fixture
def data(host: GuardedHost) -> str:
    """Return the backup root with more in it than a pipe holds, so that tar has to wait."""
    folder = f"{host.data}/accidents"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/large", "wb") as file:
        file.write(os.urandom(BLOCK))
    return host.data


def start(site: Site, data: str) -> subprocess.Popen[bytes]:
    """Start a backup whose output nobody reads yet."""
    words = site.host.forced_command("web1-backup", site.keys["web1-backup"])
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
        env={"PATH": "/usr/bin:/bin", "SSH_ORIGINAL_COMMAND": COMMAND.format(data=data),
             "SSH_CONNECTION": "127.0.0.1 40112 127.0.0.1 22"},
    )


def child_of(guard: subprocess.Popen[bytes]) -> int:
    """Return the process id of the program that GUARD waits for, once it runs confined."""

    def confined() -> int:
        with open(f"/proc/{guard.pid}/task/{guard.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        if not children or "Seccomp:\t2" not in status_of(int(children[0])):
            return 0
        return int(children[0])

    return wait_for("the program runs confined", confined)


def status_of(pid: int) -> str:
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        return file.read()


def mounts() -> str:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def test_killed_guard_leaves_a_program_that_stays_confined(
    site: Site, data: str, log: CommandLog
) -> None:
    before, mark = mounts(), log.mark()
    guard = start(site, data)
    child = child_of(guard)

    guard.kill()
    guard.wait()

    status = status_of(child)
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    os.kill(child, signal.SIGKILL)  # nobody else would: its parent is gone
    assert guard.stdout is not None and guard.stderr is not None
    guard.stdout.close()
    guard.stderr.close()
    assert [record["event.action"] for record in log.since(mark)] == ["command-started"]
    assert mounts() == before


def test_killed_program_is_recorded_with_its_signal(
    site: Site, data: str, log: CommandLog
) -> None:
    before, mark = mounts(), log.mark()
    guard = start(site, data)
    os.kill(child_of(guard), signal.SIGKILL)
    guard.communicate(timeout=30)

    assert guard.returncode == 128 + signal.SIGKILL
    [_, ended] = log.settled(mark)
    assert (ended["bpc.signal"], ended["event.outcome"]) == (signal.SIGKILL, "failure")
    assert mounts() == before


def test_policy_changed_during_a_run_holds_for_the_next_one(
    site: Site, data: str, log: CommandLog
) -> None:
    mark = log.mark()
    guard = start(site, data)
    child_of(guard)
    with open(site.host.policy, encoding="utf-8") as file:
        policy = file.read()
    try:
        with open(site.host.policy, "w", encoding="utf-8") as file:
            file.write(policy.replace("Key web1-backup\n", "Key web1-backup\n    Tools rsync\n"))
        out, _ = guard.communicate(timeout=30)
        key = site.keys["web1-backup"]
        again = site.host.run_guard("web1-backup", key, COMMAND.format(data=data).encode())
    finally:
        with open(site.host.policy, "w", encoding="utf-8") as file:
            file.write(policy)

    assert (guard.returncode, len(out) > BLOCK) == (0, True)
    assert (again.returncode, again.stdout) == (126, b"")
    started, _, denied = log.settled(mark)
    assert denied["event.code"] == "tool-not-allowed"
    assert started["bpc.policy.sha256"] != denied["bpc.policy.sha256"]


def test_full_disk_of_the_log_lets_nothing_run(site: Site, data: str) -> None:
    words = site.host.forced_command("web1-backup", site.keys["web1-backup"])
    limited = ["prlimit", "--fsize=1", *words]  # the next byte of the log does not fit
    done = subprocess.run(
        limited, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False, cwd="/",
        env={"PATH": "/usr/bin:/bin", "SSH_ORIGINAL_COMMAND": COMMAND.format(data=data)},
    )

    assert (done.returncode, done.stdout) == (125, b"")
    assert done.stderr == b"bpc-ssh-guard: failed (cannot-record)\n"


def test_runs_confined_where_proc_is_not_mounted(site: Site, data: str, log: CommandLog) -> None:
    mark = log.mark()
    words = site.host.forced_command("web1-backup", site.keys["web1-backup"])
    script = 'mount --make-rprivate / && mount -t tmpfs tmpfs /proc && exec "$@"'
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "-r"]
    done = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", *words],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False, cwd="/",
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
             "SSH_ORIGINAL_COMMAND": COMMAND.format(data=data)},
    )

    # In a user namespace strict may lack a layer: then it refuses, and never runs with less.
    assert done.returncode == 0 or (os.geteuid() != 0 and done.returncode == 125), done.stderr
    if done.returncode == 0:
        assert len(done.stdout) > BLOCK
        assert "seccomp" in log.settled(mark)[0]["bpc.confine.layers"]


def test_free_space_below_the_floor_refuses_a_restore(site: Site, log: CommandLog) -> None:
    mark = log.mark()
    with open(site.host.policy, encoding="utf-8") as file:
        policy = file.read()
    try:
        with open(site.host.policy, "w", encoding="utf-8") as file:
            key = "Key web1-restore\n"
            file.write(policy.replace(key, f"{key}    KeepFree 900T\n"))
        command = f"tar -x -f - -C {site.host.restored}".encode()
        done = site.host.run_guard("web1-restore", site.keys["web1-restore"], command)
    finally:
        with open(site.host.policy, "w", encoding="utf-8") as file:
            file.write(policy)

    assert done.returncode == 126
    assert log.settled(mark)[0]["event.code"] == "no-space"
