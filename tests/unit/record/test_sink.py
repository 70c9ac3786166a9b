"""The log file: who may own it, how a line gets into it, and what happens when it can't."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import stat
import subprocess

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.record.sink import Sink
from bpc_ssh_guard.vocabulary import Reason

from . import scenes

LINE = b'{"a":1}\n'


@pytest.fixture(autouse=True)
def begun(directory):
    """Begin a log for each test; return its chain and K_0."""
    return scenes.begin(directory)


def append(directory: bytes, line: bytes = LINE) -> None:
    scenes.append(directory, line)


def refusal(directory: bytes) -> str:
    """Return the detail of the failure to append to DIRECTORY."""
    with pytest.raises(GuardFailure) as caught:
        append(directory)
    assert caught.value.reason == Reason.CANNOT_RECORD
    assert os.fsdecode(directory) in caught.value.detail
    return caught.value.detail


def mode(path: bytes) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_makes_a_missing_folder_and_file_for_the_auditors_to_read(tmp_path) -> None:
    directory = os.fsencode(tmp_path / "new")
    before = os.umask(0o077)
    try:
        scenes.begin(directory)
        append(directory)
    finally:
        os.umask(before)
    assert mode(directory) == 0o750
    assert mode(scenes.log_path(directory)) == 0o640
    assert os.stat(scenes.log_path(directory)).st_gid == os.stat(directory).st_gid


def test_leaves_the_modes_of_what_is_there(directory) -> None:
    os.chmod(directory, 0o700)
    os.chmod(scenes.log_path(directory), 0o600)
    append(directory)
    assert mode(directory) == 0o700
    assert mode(scenes.log_path(directory)) == 0o600


def test_does_not_make_two_folders(directory) -> None:
    sink = Sink.open(directory + b"/deeper/still", scenes.state_of(directory))
    with pytest.raises(GuardFailure) as caught:
        sink.append(b"{}\n")
    sink.close()
    assert "make the folder above it" in caught.value.detail
    assert not os.path.exists(directory + b"/deeper")


def test_a_look_at_a_log_whose_folder_is_gone_makes_none_and_the_next_record_tells(
    directory,
) -> None:
    append(directory)
    shutil.rmtree(directory)
    sink = scenes.open_sink(directory)
    with pytest.raises(GuardFailure, match="is missing with all that it held"):
        sink.inspect()
    assert not os.path.exists(directory)
    lines = sink.append(b'{"a":1}\n')
    sink.close()
    assert b'"event.code":"log-shorter"' in lines[0]


def test_a_folder_that_others_may_write_is_refused_though_it_came_after_the_look(directory) -> None:
    shutil.rmtree(directory)
    sink = scenes.open_sink(directory)
    os.mkdir(directory)
    os.chmod(directory, 0o777)
    with pytest.raises(GuardFailure, match="writ"):
        sink.append(LINE)
    sink.close()
    assert os.listdir(directory) == []


def test_appends_whole_lines_behind_each_other(directory) -> None:
    sink = scenes.open_sink(directory)
    sink.append(b'{"a":1}\n')
    sink.append(b'{"a":2}\n')
    sink.close()
    assert scenes.told(directory) == [{"a": 1}, {"a": 2}]


def test_a_slash_behind_the_folder_changes_nothing(directory) -> None:
    sink = Sink.open(directory + b"/", scenes.state_of(directory))
    sink.append(LINE)
    sink.close()
    assert scenes.told(directory) == [{"a": 1}]


def test_refuses_a_folder_that_is_a_link(directory) -> None:
    os.rename(directory, directory + b"-real")
    os.symlink(directory + b"-real", directory)
    for name in (directory, directory + b"/"):
        with pytest.raises(GuardFailure) as caught:
            Sink.open(name, scenes.state_of(directory))
        assert "no symbolic link" in caught.value.detail


def test_refuses_a_file_that_is_a_link(directory, tmp_path) -> None:
    os.unlink(scenes.log_path(directory))
    os.symlink(tmp_path / "target", scenes.log_path(directory))
    assert "no symbolic link" in refusal(directory)
    assert not os.path.exists(tmp_path / "target")


def test_refuses_a_file_with_two_names(directory) -> None:
    append(directory)
    os.link(scenes.log_path(directory), directory + b"/other")
    assert "it has 2 links" in refusal(directory)
    os.unlink(directory + b"/other")
    assert scenes.told(directory) == [{"a": 1}]


def test_refuses_what_is_no_regular_file(directory) -> None:
    os.unlink(scenes.log_path(directory))
    os.mkfifo(scenes.log_path(directory), 0o600)
    assert "no regular file" in refusal(directory)


@pytest.mark.parametrize("open_to", [0o770, 0o757, 0o1777])
def test_refuses_a_folder_that_others_may_write_to(directory, open_to) -> None:
    os.chmod(directory, open_to)
    assert "chmod go-w" in refusal(directory)


@pytest.mark.parametrize("open_to", [0o660, 0o646])
def test_refuses_a_file_that_others_may_write_to(directory, open_to) -> None:
    append(directory)
    os.chmod(scenes.log_path(directory), open_to)
    assert "chmod go-w" in refusal(directory)


def limit_files_to(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("room", [0, 1, 100, 200])
def test_a_line_that_does_not_fit_leaves_nothing_behind(directory, room) -> None:
    append(directory, b'{"whole":1}\n')
    before = os.stat(scenes.log_path(directory)).st_size

    def work() -> None:
        # Python ignores SIGXFSZ from its start; a guard's parent need not be Python.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        limit_files_to(before + room)
        assert "raise the file size limit" in refusal(directory)
        assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_DFL

    long = b'{"long":"' + b"x" * 100 + b'"}\n'

    def work_long() -> None:
        limit_files_to(before + room)
        with pytest.raises(GuardFailure) as caught:
            append(directory, long)
        assert caught.value.reason == Reason.CANNOT_RECORD

    assert scenes.run(work if room < len(LINE) + 130 else work_long) == 0
    assert os.stat(scenes.log_path(directory)).st_size == before
    append(directory)
    assert scenes.told(directory) == [{"whole": 1}, {"a": 1}]


def test_a_torn_line_stays_as_it_is_when_the_next_does_not_fit(directory) -> None:
    before = os.stat(scenes.log_path(directory)).st_size
    torn = b'{"event.sequence":1,"torn'
    with open(scenes.log_path(directory), "ab") as file:
        file.write(torn)

    def work() -> None:
        limit_files_to(before + len(torn) + 3)
        refusal(directory)

    assert scenes.run(work) == 0
    assert os.stat(scenes.log_path(directory)).st_size == before + len(torn)


def test_gives_up_on_a_lock_that_is_never_released(directory) -> None:
    append(directory)
    holder = os.open(scenes.state_of(directory) + b"/state", os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        assert "end the process that locks it" in refusal(directory)
    finally:
        os.close(holder)
    append(directory)
    assert len(scenes.told(directory)) == 2


def test_leaves_alarm_and_timer_of_its_caller_alone(directory) -> None:
    def handler(number: int, frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        append(directory)
        assert signal.getsignal(signal.SIGALRM) is handler
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_leaves_no_descriptor_to_a_child(directory) -> None:
    sink = scenes.open_sink(directory)
    sink.append(LINE)
    listed = subprocess.run(
        ["/bin/ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, check=True
    )
    assert directory not in listed.stdout
    sink.close()


def test_leaves_no_descriptor_behind(directory) -> None:
    before = os.listdir("/proc/self/fd")
    append(directory)
    os.chmod(scenes.log_path(directory), 0o666)
    refusal(directory)
    os.chmod(directory, 0o777)
    refusal(directory)
    assert os.listdir("/proc/self/fd") == before
