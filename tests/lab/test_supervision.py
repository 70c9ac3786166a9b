"""While a transfer is open the guard waits: small, and there to record how it ended."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from .process import kill_session, running, wait_for

if TYPE_CHECKING:
    from .clients import SshClient
    from .host import CommandLog
    from .site import Site

pytestmark = pytest.mark.lab

RESIDENT_LIMIT_KB = 12 * 1024


def test_waiting_guard_stays_small(
    site: Site, backup_key: SshClient, log: CommandLog, endless: str
) -> None:
    mark = log.mark()
    with running(backup_key.argv(f"tar -c -f - -C {endless} .")) as client:
        started = log.started(mark)
        guard = started["process.pid"]
        assert site.sshd.pid in _ancestors(guard)
        wait_for("tar runs", lambda: _children(guard))
        assert client.stdout is not None
        client.stdout.read(1 << 20)

        resident = _resident_kb(guard)

    assert 0 < resident <= RESIDENT_LIMIT_KB
    log.settled(mark)


@pytest.mark.parametrize(
    "command",
    ["tar -c -f - -C {} .", "rsync --server --sender -logDtpre.iLsfxCIvu . {}"],
    ids=["tar", "rsync"],
)
def test_connection_cut_in_the_middle_is_recorded_as_ended(
    command: str, backup_key: SshClient, log: CommandLog, endless: str
) -> None:
    mark = log.mark()
    with running(backup_key.argv(command.format(endless))) as client:
        started = log.started(mark)
        wait_for("the program runs", lambda: _children(started["process.pid"]))
        kill_session(client)

    ended = log.settled(mark)[-1]
    assert ended["event.action"] == "command-ended"
    assert ended["event.outcome"] == "failure"
    assert ended["process.entity_id"] == started["process.entity_id"]


def test_end_is_recorded_with_the_programs_own_exit_status(
    backup_key: SshClient, log: CommandLog, data: str
) -> None:
    mark = log.mark()

    done = backup_key.run(f"tar -c -f - -C {data} ./missing")

    assert done.returncode == 2  # tar's "fatal error"
    started, ended = log.settled(mark)
    assert ended["process.entity_id"] == started["process.entity_id"]
    assert (ended["event.outcome"], ended["process.exit_code"]) == ("failure", 2)
    assert ended["event.duration"] > 0


def _resident_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def test_program_runs_at_the_priority_that_the_policy_demands(
    site: Site, log: CommandLog, endless: str
) -> None:
    mark = log.mark()
    polite = site.client("polite")
    with running(polite.argv(f"tar -c -f - -C {endless} .")) as client:
        guard = log.started(mark)["process.pid"]
        [program] = wait_for("tar runs", lambda: _children(guard))
        wait_for("the program runs", lambda: _name(program) == "tar")
        assert os.getpriority(os.PRIO_PROCESS, program) == 7
        shown = subprocess.run(
            ["ionice", "-p", str(program)], capture_output=True, text=True, check=True
        )
        assert shown.stdout.strip() == "idle"
        assert os.getpriority(os.PRIO_PROCESS, guard) == 0
        kill_session(client)
    log.settled(mark)


def _name(pid: int) -> str:
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        return file.read().strip()
