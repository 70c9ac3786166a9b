"""The child runs in a world of constants, and the parent tells truly how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

# Each test runs launch.run in a process of its own: it lets go of standard input and output.
PRELUDE = """
import json, os, sys
from bpc_ssh_guard.confine import launch
from bpc_ssh_guard.errors import GuardFailure
report = os.dup(2)
os.set_inheritable(report, True)  # a careless parent's descriptor, for the child to close
def tell(**what):
    os.write(report, (json.dumps(what) + chr(10)).encode())
def run(*argv, **options):
    return launch.run(launch.Launch(argv[0].encode(), [a.encode() for a in argv], **options))
"""


def run(script: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run SCRIPT behind the prelude in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script)],
        capture_output=True, text=True, timeout=30, check=False, **options,  # type: ignore[call-overload]
    )


def test_gives_the_child_three_variables_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RSYNC_RSH", "TAR_OPTIONS", "TAPE", "HOME", "LD_PRELOAD_X", "PYTHONPATH_X"):
        monkeypatch.setenv(name, "hostile")

    done = run("run('/usr/bin/env')")

    assert sorted(done.stdout.split()) == ["HOME=/nonexistent", "LC_ALL=C", "PATH=/usr/bin:/bin"]


def test_leaves_the_child_no_descriptor_above_two() -> None:
    done = run("run('/usr/bin/ls', '/proc/self/fd')")

    assert done.stdout.split() == ["0", "1", "2", "3"]  # 3 is the folder that ls itself reads


def test_gives_the_child_root_folder_closed_umask_and_no_core() -> None:
    script = """
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        run('/bin/sh', '-c', 'pwd; umask; ulimit -c')
    """

    assert run(script, cwd="/tmp").stdout.split() == ["/", "0077", "0"]


def test_restores_the_signals_that_python_ignores() -> None:
    done = run("run('/usr/bin/grep', 'SigIgn', '/proc/self/status')")

    ignored = int(done.stdout.split()[1], 16)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ):
        assert not ignored & 1 << number - 1, number.name


def test_unblocks_the_signals_that_the_login_blocked() -> None:
    script = """
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
        run('/usr/bin/grep', 'SigBlk', '/proc/self/status')
    """

    assert int(run(script).stdout.split()[1], 16) == 0


@pytest.mark.parametrize("status", [0, 1, 23, 255])
def test_reports_the_status_of_the_child(status: int) -> None:
    done = run(f"e = run('/bin/sh', '-c', 'exit {status}'); tell(status=e.status, signal=e.signal)")

    assert done.stderr.strip() == f'{{"status": {status}, "signal": null}}'


def test_reports_the_signal_that_killed_the_child() -> None:
    done = run("e = run('/bin/sh', '-c', 'kill -9 $$'); tell(status=e.status, signal=e.signal)")

    assert done.stderr.strip() == '{"status": null, "signal": 9}'


def test_counts_the_bytes_that_passed_without_touching_them() -> None:
    script = """
        e = run('/usr/bin/head', '-c', '3000000', '/dev/zero')
        tell(written=e.write_bytes)
    """
    done = run(script)

    assert len(done.stdout) == 3_000_000
    assert '"written": 3000000' in done.stderr


def test_says_that_a_missing_program_could_not_be_run() -> None:
    script = """
        try:
            run('/nonexistent/rsync')
        except GuardFailure as failure:
            tell(reason=failure.reason, detail=failure.detail)
    """

    assert '"exec-failed"' in run(script).stderr
    assert "/nonexistent/rsync: No such file or directory" in run(script).stderr


def test_says_that_surroundings_could_not_be_made() -> None:
    script = """
        launch.DIRECTORY = b'/nonexistent'
        try:
            run('/bin/true')
        except GuardFailure as failure:
            tell(reason=failure.reason)
    """

    assert '"cannot-confine"' in run(script).stderr


def test_lets_go_of_the_streams_so_that_the_peer_sees_their_end() -> None:
    # The child closes its output and lives on; the reader must see the end at once.
    script = "run('/bin/sh', '-c', 'exec 1>&- 2>&-; read line')"
    prelude = PRELUDE.replace("report = os.dup(2)", "").replace("os.set_inheritable", "#")
    process = subprocess.Popen(
        [sys.executable, "-c", prelude + script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdin is not None

    assert process.stdout.read() == b""
    assert process.poll() is None, "the guard must still wait for its child"
    process.stdin.close()
    assert process.wait(10) == 0


def test_forwards_a_termination_to_the_child() -> None:
    script = """
        e = run('/bin/sh', '-c', 'trap "exit 7" TERM; kill -TERM $PPID; while :; do :; done')
        tell(status=e.status)
    """

    assert '"status": 7' in run(script).stderr


def test_gives_the_child_the_niceness_that_the_command_asked_for() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)

    done = run("run('/usr/bin/nice', nice=3)")

    assert int(done.stdout) == before + 3


@pytest.mark.parametrize(
    ("io_class", "level", "shown"),
    [(3, 0, "idle"), (2, 7, "best-effort: prio 7"), (2, 0, "best-effort: prio 0")],
)
def test_gives_the_child_the_io_class_that_the_command_asked_for(
    io_class: int, level: int, shown: str
) -> None:
    done = run(f"run('/usr/bin/ionice', io=({io_class}, {level}))")

    assert done.stdout.strip() == shown
