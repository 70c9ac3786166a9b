"""A key has so many sessions and no more, by locks that die with their process; and free space."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from bpc_ssh_guard.errors import GuardFailure, Refused
from bpc_ssh_guard.policy.limits import require_space, take_slot
from bpc_ssh_guard.vocabulary import Reason

LABEL = b"web1-restore"
FREE, BUSY = b"f", b"b"


@pytest.fixture
def state(tmp_path: Path) -> bytes:
    """Return the path of a state folder that does not exist yet."""
    return os.fsencode(tmp_path / "state")


class Process:
    """A real process that tries for a slot and holds it until it is told to end."""

    def __init__(self, state: bytes, most: int = 4, label: bytes = LABEL, forks: bool = False):
        answer, self._answer_end = os.pipe()
        self._end, self._ending = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._hold(state, label, most, forks)
        os.close(self._answer_end)
        os.close(self._end)
        self.answer = os.read(answer, 1)
        self.grandchild = int(os.read(answer, 20)) if forks else 0
        os.close(answer)

    def _hold(self, state: bytes, label: bytes, most: int, forks: bool) -> None:
        status = 1
        try:
            try:
                take_slot(state, label, most)
                os.write(self._answer_end, FREE)
            except Refused as refusal:
                os.write(self._answer_end, BUSY if refusal.reason == Reason.BUSY else b"?")
            child = os.fork() if forks else 0
            if child:
                os.write(self._answer_end, b"%d" % child)
            os.read(self._end, 1)  # the child of a fork keeps the slot's descriptor meanwhile
            status = 0
        finally:
            os._exit(status)

    def end(self) -> None:
        os.write(self._ending, b"e")  # not by closing: processes started later share this end
        os.waitpid(self.pid, 0)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def answers(processes: list[Process]) -> list[bytes]:
    return sorted(process.answer for process in processes)


def test_admits_as_many_at_once_as_it_says(state: bytes) -> None:
    processes = [Process(state, most=4) for _ in range(5)]
    found = answers(processes)
    for process in processes:
        process.end()
    assert found == [BUSY, FREE, FREE, FREE, FREE]


def test_admits_as_many_when_all_try_together(state: bytes) -> None:
    gate_read, gate = os.pipe()
    reply, reply_write = os.pipe()
    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            os.close(gate)
            os.read(gate_read, 1)
            try:
                take_slot(state, LABEL, 4)
                os.write(reply_write, FREE)
            except Refused:
                os.write(reply_write, BUSY)
            except BaseException:
                os._exit(1)
            signal.pause()
        children.append(child)
    os.close(gate)
    found = b"".join(os.read(reply, 1) for _ in children)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for descriptor in (gate_read, reply, reply_write):
        os.close(descriptor)
    assert sorted(found) == sorted(BUSY + 4 * FREE)


@pytest.mark.parametrize("way", ["end", "kill"])
def test_a_process_that_is_gone_holds_nothing(state: bytes, way: str) -> None:
    first = Process(state, most=1)
    getattr(first, way)()
    second = Process(state, most=1)
    second.end()
    assert (first.answer, second.answer) == (FREE, FREE)


def test_a_child_holds_nothing_of_its_dead_parent(state: bytes) -> None:
    first = Process(state, most=1, forks=True)
    first.kill()
    os.kill(first.grandchild, 0)  # it lives, and has the descriptor
    second = Process(state, most=1)
    second.end()
    os.kill(first.grandchild, signal.SIGKILL)
    assert (first.answer, second.answer) == (FREE, FREE)


def test_a_child_that_closes_the_descriptor_leaves_the_slot_to_its_parent(state: bytes) -> None:
    descriptor = take_slot(state, LABEL, 1)
    child = os.fork()
    if child == 0:
        os.close(descriptor)
        os._exit(0)
    os.waitpid(child, 0)
    other = Process(state, most=1)
    other.end()
    os.close(descriptor)
    assert other.answer == BUSY


def test_closing_the_descriptor_frees_the_slot(state: bytes) -> None:
    os.close(take_slot(state, LABEL, 1))
    other = Process(state, most=1)
    other.end()
    assert other.answer == FREE


def test_keys_do_not_take_each_others_slots(state: bytes) -> None:
    first, second = Process(state, most=1), Process(state, most=1, label=b"web1-backup")
    found = answers([first, second])
    first.end()
    second.end()
    assert found == [FREE, FREE]


def test_the_refusal_says_how_many_there_are(state: bytes) -> None:
    holders = [Process(state, most=2) for _ in range(2)]
    with pytest.raises(Refused) as caught:
        take_slot(state, LABEL, 2)
    for holder in holders:
        holder.end()
    assert caught.value.reason == Reason.BUSY
    assert caught.value.detail == "2 sessions of this key are open; wait, or raise MaxSessions"


def test_folders_and_file_are_closed_to_others(state: bytes) -> None:
    before = os.umask(0)
    try:
        os.close(take_slot(state, LABEL, 4))
    finally:
        os.umask(before)
    found = {
        name: stat.S_IMODE(os.stat(os.path.join(state, name)).st_mode)
        for name in (b".", b"sessions", b"sessions/" + LABEL)
    }
    assert found == {b".": 0o700, b"sessions": 0o700, b"sessions/" + LABEL: 0o600}


def test_a_refused_session_leaves_no_descriptor_open(state: bytes) -> None:
    holder = Process(state, most=1)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Refused):
        take_slot(state, LABEL, 1)
    after = os.listdir("/proc/self/fd")
    holder.end()
    assert len(after) == len(before)


def complaint(state: bytes) -> str:
    with pytest.raises(GuardFailure) as caught:
        take_slot(state, LABEL, 4)
    assert caught.value.reason == Reason.BAD_GRANT
    return caught.value.detail


def test_fails_where_the_state_folder_cannot_be_made(tmp_path: Path) -> None:
    assert "; make it" in complaint(os.fsencode(tmp_path / "missing/state"))


def test_fails_where_others_may_write(state: bytes) -> None:
    os.mkdir(state)
    os.chmod(state, 0o777)
    assert "is writable by group or others" in complaint(state)


def test_fails_where_others_could_hold_the_slots(state: bytes) -> None:
    os.close(take_slot(state, LABEL, 4))
    os.chmod(state + b"/sessions/" + LABEL, 0o644)
    assert complaint(state).endswith("is open to group or others; chmod 0600 it")


def test_follows_no_link_in_place_of_the_file(state: bytes, tmp_path: Path) -> None:
    os.close(take_slot(state, b"other", 4))
    os.symlink(tmp_path / "target", state + b"/sessions/" + LABEL)
    assert "no symbolic link" in complaint(state)
    assert not (tmp_path / "target").exists()


def free(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def test_admits_a_restore_while_there_is_more_than_the_floor(tmp_path: Path) -> None:
    require_space([os.fsencode(tmp_path)], 1)


def test_asks_nothing_without_a_floor() -> None:
    require_space([b"/proc/self/mem/none"], 0)


def test_refuses_a_restore_below_the_floor_with_numbers(tmp_path: Path) -> None:
    floor = free(tmp_path) * 2
    with pytest.raises(Refused) as caught:
        require_space([os.fsencode(tmp_path)], floor)
    assert caught.value.reason == Reason.NO_SPACE
    said = caught.value.detail
    assert said.startswith(f"{tmp_path} has ")
    assert f" bytes free, KeepFree demands {floor}; " in said


def test_each_root_must_have_the_space(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        require_space([os.fsencode(tmp_path), b"/proc"], 1)  # /proc has none
    assert caught.value.detail.startswith("/proc has 0 bytes free")


def test_a_root_still_to_be_made_has_the_space_of_the_folder_above(tmp_path: Path) -> None:
    missing = os.fsencode(tmp_path / "missing/root")
    require_space([missing], 1)
    with pytest.raises(Refused):
        require_space([missing], free(tmp_path) * 2)


def test_refuses_where_the_space_is_not_known() -> None:
    with pytest.raises(Refused) as caught:
        require_space([b"/proc/self/stat/root"], 1)
    assert caught.value.reason == Reason.NO_SPACE
    assert "its free space can't be had" in caught.value.detail
