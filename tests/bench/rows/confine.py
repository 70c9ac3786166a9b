"""What the kernel's confinement costs: at the start, and over the whole of a backup by tar."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING

from ..commands import visible
from ..harness import Candidate, Samples, interleave
from ..outcome import Comparison, Line
from ..samples import ratio
from ..stage import GIB
from ..stub import EXECUTED

if TYPE_CHECKING:
    from ..stage import Stage

MILLISECONDS = 4.0
OF_LARGE = 1.10
OF_SMALL = 1.35
LARGE = 2 * GIB
SMALL = 100_000
PER_FOLDER = 500
MODES = ("off", "strict")


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Time the guard with Confine off and strict: its start, one large file, many small ones."""
    lines = _start(stage, rounds)
    source = os.path.join(stage.bulk, "confined")
    trees = (("2 GiB", _one_file, OF_LARGE), (f"{SMALL} files", _many_files, OF_SMALL))
    for name, make, limit in trees:
        stage.progress(f"making {name}")
        make(source)
        try:
            lines += _whole(stage, name, source, limit, max(2, rounds // 5))
        finally:
            shutil.rmtree(source)
    return lines


def _start(stage: Stage, rounds: int) -> list[Line]:
    env = stage.environment(SSH_ORIGINAL_COMMAND=visible(stage.share + "/"))
    expect = frozenset((EXECUTED,))
    off, strict = interleave(
        [Candidate(f"start: Confine {mode}", stage.guard_argv(stubbed=True, confine=mode), env,
                   expect) for mode in MODES],
        rounds, stage.progress,
    ).values()
    added = strict.cpu.median - off.cpu.median
    comparison = Comparison(f"{added:+.1f} ms CPU median", added, MILLISECONDS)
    return [_line(off), Line(strict.candidate.name, "ms", strict.cpu, (comparison,))]


def _whole(stage: Stage, name: str, source: str, limit: float, rounds: int) -> list[Line]:
    """Time a whole backup of SOURCE; tar reads nothing when it sees /dev/null, hence the cat."""
    env = stage.environment(SSH_ORIGINAL_COMMAND=f"tar -c -f - -C {source} .")
    off, strict = interleave(
        [Candidate(f"tar {name}: Confine {mode}", _into_cat(
            stage.guard_argv(root=source, confine=mode)), env) for mode in MODES],
        rounds, stage.progress, untimed=1,
    ).values()
    value = ratio(strict.cpu, off.cpu)
    comparison = Comparison(f"{value:.2f} x Confine off", value, limit)
    return [_line(off), Line(strict.candidate.name, "ms", strict.cpu, (comparison,))]


def _into_cat(argv: list[str]) -> list[str]:
    return ["/bin/sh", "-c", f"{shlex.join(argv)} | cat >/dev/null"]


def _line(of: Samples) -> Line:
    return Line(of.candidate.name, "ms", of.cpu, also={"wall": of.wall})


def _one_file(source: str) -> None:
    os.makedirs(source)
    block = os.urandom(1 << 24)
    with open(os.path.join(source, "file"), "wb") as file:
        for _ in range(LARGE // len(block)):
            file.write(block)


def _many_files(source: str) -> None:
    for number in range(SMALL):
        folder = os.path.join(source, f"folder-{number // PER_FOLDER:04}")
        if number % PER_FOLDER == 0:
            os.makedirs(folder)
        with open(os.path.join(folder, f"file-{number:06}"), "wb") as file:
            file.write(b"x" * (number % 2000))
