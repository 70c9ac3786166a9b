"""Run the lab's programs with a time limit, as one account or another; end them by their ids."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# A usual operation takes a second; a failed BackupPC run on a loaded machine takes twelve.
TIME_LIMIT = 60.0

Done = subprocess.CompletedProcess
Running = subprocess.Popen
Found = TypeVar("Found")


@dataclass(frozen=True)
class Account:
    """One line of the user database."""

    name: str
    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> Account:
        """Return the account called NAME."""
        entry = pwd.getpwnam(name)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def current(cls) -> Account:
        """Return the account this process runs as; LOGNAME may say another one under sudo."""
        entry = pwd.getpwuid(os.geteuid())
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @property
    def is_current(self) -> bool:
        """Tell whether this process runs as the account."""
        return self.uid == os.geteuid()

    def own(self, *paths: str) -> None:
        """Give PATHS to the account."""
        for path in paths:
            os.chown(path, self.uid, self.gid)


def start(
    argv: Sequence[str | bytes],
    *,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: int = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> Running[bytes]:
    """Start ARGV in a session of its own, so that its children can be ended with it."""
    other = account is not None and not account.is_current
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=env,
        cwd=cwd,
        start_new_session=True,
        user=account.uid if account and other else None,
        group=account.gid if account and other else None,
        extra_groups=[account.gid] if account and other else None,
    )


def run(
    argv: Sequence[str | bytes],
    *,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes = b"",
    limit: float = TIME_LIMIT,
) -> Done[bytes]:
    """Run ARGV to its end, with STDIN and then end of file on its standard input."""
    with running(argv, account=account, env=env, cwd=cwd) as process:
        stdout, stderr = process.communicate(stdin, timeout=limit)
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def require(done: Done[bytes]) -> Done[bytes]:
    """Return DONE when it ended well; else raise with all it said."""
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode} of {done.args!r}\n{said(done)}")
    return done


def said(done: Done[bytes]) -> str:
    """Return standard output and standard error of DONE as text for a failure message."""
    return (done.stdout + done.stderr).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def running(
    argv: Sequence[str | bytes],
    *,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Iterator[Running[bytes]]:
    """Start ARGV with three pipes; whatever is left of it at the end is killed and reaped."""
    process = start(argv, account=account, env=env, cwd=cwd)
    try:
        yield process
    finally:
        if process.poll() is None:
            kill_session(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def kill_session(process: Running[bytes]) -> None:
    """Kill PROCESS and the children in its session; `start` gave it one of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def terminate(process: Running[bytes]) -> None:
    """Ask PROCESS alone to end, then kill it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(
    what: str, look: Callable[[], Found | None], limit: float = TIME_LIMIT
) -> Found:
    """Return what LOOK finds, asking until it finds WHAT; raise when the time is up."""
    end = time.monotonic() + limit
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {limit:.0f} s")
        time.sleep(0.02)
