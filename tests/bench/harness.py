"""Run candidates in interleaved rounds; a run that did not do what its name says is no sample.

posix_spawn and wait4 give the CPU time of the whole tree of a run. Standard input is a pipe that
stays open, as sshd gives it (no socket); the other two are /dev/null.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .samples import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Longer than any run takes; the guard's own deadlines are shorter.
TIME_LIMIT = 120.0
F_SETPIPE_SZ = 1031  # linux/fcntl.h; Python has the name from 3.10 on


class CannotMeasure(Exception):
    """What a row needs isn't there; the text says what, and what to do."""


class Misbehaved(CannotMeasure):
    """A candidate ended otherwise than its name says, so its time means nothing."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Candidate:
    """A program to time, and the exit statuses that prove it did what NAME says."""

    name: str
    argv: list[str]
    env: Mapping[str, str | bytes]
    expect: frozenset[int] = frozenset((0,))
    stdin: bytes = b""
    before: Callable[[], None] = _nothing
    after: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Run:
    """What one run cost, in milliseconds, and how it ended (negative: by that signal)."""

    status: int
    wall: float
    cpu: float


@dataclass(frozen=True)
class Samples:
    """All runs of one candidate; made only of runs that ended as they should."""

    candidate: Candidate
    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        for run in self.runs:
            require_expected(self.candidate, run)

    @property
    def cpu(self) -> Series:
        """User and system time of the tree."""
        return Series(tuple(run.cpu for run in self.runs))

    @property
    def wall(self) -> Series:
        """Time from start to end."""
        return Series(tuple(run.wall for run in self.runs))


def require_expected(candidate: Candidate, run: Run) -> None:
    """Raise unless RUN ended as CANDIDATE is expected to."""
    if run.status in candidate.expect:
        return
    wanted = " or ".join(str(status) for status in sorted(candidate.expect))
    raise Misbehaved(f"{candidate.name}: exit status {run.status} instead of {wanted}")


def interleave(
    candidates: Sequence[Candidate],
    rounds: int,
    progress: Callable[[str], None] = lambda text: None,
    untimed: int = 1,
) -> dict[str, Samples]:
    """Run every candidate once per round, each round from another one on.

    Candidate after candidate would charge a change of the machine's load to one of them. The
    first UNTIMED rounds only fill the caches.
    """
    runs: dict[str, list[Run]] = {candidate.name: [] for candidate in candidates}
    for number in range(untimed + rounds):
        warm = number - untimed
        progress("untimed round" if warm < 0 else f"round {warm + 1} of {rounds}")
        turn = number % len(candidates)
        for candidate in [*candidates[turn:], *candidates[:turn]]:
            run = run_once(candidate)
            if warm >= 0:
                runs[candidate.name].append(run)
    return {
        candidate.name: Samples(candidate, tuple(runs[candidate.name])) for candidate in candidates
    }


def run_once(candidate: Candidate) -> Run:
    """Run CANDIDATE and raise, with what it said, when it ended otherwise than it should."""
    candidate.before()
    with _pipe_holding(candidate.stdin) as stdin:
        run = _timed(candidate, stdin)
    try:
        require_expected(candidate, run)
    except Misbehaved as wrong:
        raise Misbehaved(f"{wrong}; it says: {_complaint(candidate)}") from None
    candidate.after()
    return run


def _timed(candidate: Candidate, stdin: int) -> Run:
    start = time.perf_counter()
    pid = os.posix_spawn(
        candidate.argv[0],
        candidate.argv,
        candidate.env,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
        setpgroup=0,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which this Python ignores
    )
    with _ended_after(TIME_LIMIT, pid):
        _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    return Run(os.waitstatus_to_exitcode(status), wall * 1000, cpu * 1000)


@contextlib.contextmanager
def _ended_after(seconds: float, group: int) -> Iterator[None]:
    """Kill the process group GROUP if the block takes longer than SECONDS."""

    def end(number: int, frame: object) -> None:
        os.killpg(group, signal.SIGKILL)

    previous = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextlib.contextmanager
def _pipe_holding(data: bytes) -> Iterator[int]:
    """Give the reading end of a pipe that holds DATA and doesn't come to its end."""
    reading, writing = os.pipe()
    try:
        if len(data) > 65536:  # a pipe's capacity unless asked for more
            fcntl.fcntl(writing, F_SETPIPE_SZ, 1 << 20)
        os.set_blocking(writing, False)
        if os.write(writing, data) != len(data):
            raise CannotMeasure(f"a pipe holds no {len(data)} bytes here")
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


def _complaint(candidate: Candidate) -> str:
    """Run CANDIDATE once more to hear what it has to say."""
    candidate.before()
    try:
        done = subprocess.run(
            candidate.argv, env=candidate.env, input=candidate.stdin,
            capture_output=True, timeout=TIME_LIMIT, check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    said = (done.stderr or done.stdout).decode("utf-8", "backslashreplace").strip()
    return said.splitlines()[-1][:300] if said else "nothing"
