"""The command log: what its chain adds to a guard's start, and how long one record takes.

Both are held against the same line written and synced to a plain file by the same interpreter,
which finds its modules as the installed guard does.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests import command_log

from ..commands import visible
from ..harness import Candidate, CannotMeasure, interleave
from ..outcome import Comparison, Line
from ..samples import Series, differences, ratio
from ..stage import PYTHON
from ..stub import EXECUTED

if TYPE_CHECKING:
    from ..stage import Stage

ADDED_MS = 1.0
APPEND_US = 300.0
RECORDS = 200

_LINE = """
import gc, os, sys
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard import packed
packed.use(sys.path[0])
gc.disable()
import fcntl  # the guard has these anyway
from bpc_ssh_guard import errors, lean, state, vocabulary
from bpc_ssh_guard.record.event import Session
session = Session.from_environment(os.environb, b"bench-backup", b"0" * 32)
def line():
    return session.started(executable=b"/usr/bin/rsync", argv=[b"rsync", b"--server"] * 4,
                           command=b"rsync --server --sender -slHogDtprxe.iLsfxC")
"""
_PLAIN = _LINE + """
file = os.open(sys.argv[2] + "/plain", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def append(data):
    os.write(file, data)
    os.fdatasync(file)
"""
_CHAINED = _LINE + """
from bpc_ssh_guard.record.sink import Kind, Sink
log = os.fsencode(sys.argv[2])
sink = Sink.open(log, log + b"/state")
def append(data):
    sink.append(data, Kind.START)
"""
_ONCE = "append(line())\n"
_TIMED = f"""
import json, time
taken = []
for _ in range({RECORDS}):
    data, begin = line(), time.monotonic_ns()
    append(data)
    taken.append(time.monotonic_ns() - begin)
print(json.dumps(sorted(taken)))
"""


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Time one record by a process of its own, and many by one process, plain and chained."""
    log = stage.folder("log-row")
    if not os.path.exists(command_log.first_segment(log)):
        command_log.begin(log)
    return [*_start(stage, log, rounds), *_append(stage, log, rounds)]


def _start(stage: Stage, log: str, rounds: int) -> list[Line]:
    env = stage.environment()
    asked = stage.environment(SSH_ORIGINAL_COMMAND=visible(stage.share + "/"))
    samples = interleave(
        [
            Candidate("one line, plain", _argv(_PLAIN + _ONCE, stage, log), env),
            Candidate("one line, chained", _argv(_CHAINED + _ONCE, stage, log), env),
            Candidate("guard", stage.guard_argv(stubbed=True), asked, frozenset((EXECUTED,))),
        ],
        rounds,
        stage.progress,
    )
    plain, chained, guard = samples.values()
    added = differences(chained.cpu, plain.cpu)
    without = guard.cpu.median / (guard.cpu.median - added.median)
    return [
        Line("start, line in a plain file", "ms", plain.cpu),
        Line(
            "start, line in the chain", "ms", chained.cpu,
            (
                Comparison(f"{added.median:+.2f} ms CPU", added.median, ADDED_MS,
                           noise=added.uncertainty),
                Comparison(f"{without:.2f} x the guard without", without),
            ),
        ),
    ]


def _append(stage: Stage, log: str, rounds: int) -> list[Line]:
    plain, chained = [], []
    for _ in range(rounds):
        plain.append(_middle(_PLAIN, stage, log))
        chained.append(_middle(_CHAINED, stage, log))
    synced, sealed = Series(tuple(plain)), Series(tuple(chained))
    times = ratio(sealed, synced)
    return [
        Line("append and sync, plain, p50", "us", synced),
        Line(
            "append and sync, chained, p50", "us", sealed,
            (
                Comparison(f"{sealed.median:.0f} us", sealed.median, APPEND_US),
                Comparison(f"{times:.2f} x plain", times),
            ),
        ),
    ]


def _middle(script: str, stage: Stage, log: str) -> float:
    """Return the median microseconds of one append by SCRIPT."""
    argv = _argv(script + _TIMED, stage, log)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMeasure(f"the log's row: {done.stderr.strip()}")
    taken = json.loads(done.stdout)
    return float(taken[len(taken) // 2]) / 1000


def _argv(script: str, stage: Stage, log: str) -> list[str]:
    return [PYTHON, "-IS", "-c", script, stage.modules, log]
