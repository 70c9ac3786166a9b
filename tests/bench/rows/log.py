"""The command log: what its chain adds to a guard's start, and how long one record takes.

Both are held against the same line written and synced to a plain file by the same interpreter,
which finds its modules as the installed guard does.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpc_ssh_guard import packed
from bpc_ssh_guard.guardctl.interpreter import require_interpreter
from bpc_ssh_guard.guardctl.packing import import_order, pack_of
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

# What the guard has imported in either case, and what the chain adds.
_SESSION = """
import fcntl
from bpc_ssh_guard import errors, lean, state, vocabulary
from bpc_ssh_guard.record.event import Session
"""
_SINK = "from bpc_ssh_guard.record.sink import Kind, Sink\n"
_BEGIN = """
import gc, os, sys
gc.disable()
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard import packed
packed.use(sys.path[0])
"""
_LINE = """
session = Session.from_environment(os.environb, b"bench-backup", b"0" * 32)
def line():
    return session.started(executable=b"/usr/bin/rsync", argv=[b"rsync", b"--server"] * 4,
                           command=b"rsync --server --sender -slHogDtprxe.iLsfxC")
"""
_PLAIN = _BEGIN + _SESSION + _LINE + """
file = os.open(sys.argv[2] + "/plain", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def append(data):
    os.write(file, data)
    os.fdatasync(file)
"""
_CHAINED = _BEGIN + _SESSION + _SINK + _LINE + """
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
    plain = _Writer(_PLAIN, _packed(stage, "log-plain", _SESSION), log)
    chained = _Writer(_CHAINED, _packed(stage, "log-chained", _SESSION + _SINK), log)
    return [*_start(stage, plain, chained, rounds), *_append(plain, chained, rounds)]


@dataclass(frozen=True)
class _Writer:
    """A SCRIPT that begins with the modules in TREE and writes records to LOG."""

    script: str
    tree: str
    log: str

    def argv(self, end: str) -> list[str]:
        """Return the command that runs it to its END."""
        return [PYTHON, "-IS", "-c", self.script + end, self.tree, self.log]


def _packed(stage: Stage, name: str, imports: str) -> str:
    """Return a folder with the guard's modules whose pack loads at once what IMPORTS need."""
    tree = stage.folder(name)
    pack = os.path.join(tree, packed.FILE)
    if not os.path.exists(pack):
        os.symlink(f"{stage.modules}/bpc_ssh_guard", f"{tree}/bpc_ssh_guard")
        order = import_order(stage.modules, PYTHON, imports)
        with open(pack, "wb") as file:
            file.write(pack_of(stage.modules, require_interpreter(PYTHON), order))
    return tree


def _start(stage: Stage, plain: _Writer, chained: _Writer, rounds: int) -> list[Line]:
    env = stage.environment()
    asked = stage.environment(SSH_ORIGINAL_COMMAND=visible(stage.share + "/"))
    samples = interleave(
        [
            Candidate("one line, plain", plain.argv(_ONCE), env),
            Candidate("one line, chained", chained.argv(_ONCE), env),
            Candidate("guard", stage.guard_argv(stubbed=True), asked, frozenset((EXECUTED,))),
        ],
        rounds,
        stage.progress,
    )
    bare, sealed, guard = samples.values()
    added = differences(sealed.cpu, bare.cpu)
    without = guard.cpu.median / (guard.cpu.median - added.median)
    return [
        Line("start, line in a plain file", "ms", bare.cpu),
        Line(
            "start, line in the chain", "ms", sealed.cpu,
            (
                Comparison(f"{added.median:+.2f} ms CPU", added.median, ADDED_MS,
                           noise=added.uncertainty),
                Comparison(f"{without:.2f} x the guard without", without),
            ),
        ),
    ]


def _append(plain: _Writer, chained: _Writer, rounds: int) -> list[Line]:
    taken: dict[_Writer, list[float]] = {plain: [], chained: []}
    for _ in range(rounds):
        for writer, found in taken.items():
            found.append(_middle(writer))
    synced, sealed = (Series(tuple(found)) for found in taken.values())
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


def _middle(writer: _Writer) -> float:
    """Return the median microseconds of one append by WRITER."""
    done = subprocess.run(writer.argv(_TIMED), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMeasure(f"the log's row: {done.stderr.strip()}")
    taken = json.loads(done.stdout)
    return float(taken[len(taken) // 2]) / 1000
