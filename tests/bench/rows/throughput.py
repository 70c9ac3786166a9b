"""Pulls by a real rsync client through sshd, with and without the guard: the ratio of the rates.

Beside the wall time through sshd, which a busy machine blurs, stands the CPU time of the same pulls
without ssh, which it doesn't: it shows whether the guard is in the way of the data.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
from typing import TYPE_CHECKING

from .. import remote_shell
from ..harness import Candidate, CannotMeasure, Samples, interleave
from ..loopback import serving
from ..outcome import Comparison, Line
from ..samples import ratio, ratio_of_best
from ..stage import GIB, RSYNC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..stage import Stage

OF_UNGUARDED = 0.98
FILES = 20_000
FILES_PER_FOLDER = 100
LONGEST_FILE = 1 << 15
LANES = ("none", "guard")


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Time one file of 1 GiB and a tree of 20 000 files, pulled with BackupPC's -s by both ways."""
    source, target = os.path.join(stage.bulk, "source"), os.path.join(stage.bulk, "target")
    trees = {"1 GiB": _one_file, f"{FILES} files": _many_files}
    lines: list[Line] = []
    lanes = {"none": None, "guard": lambda keyid: stage.guard_argv(root=source, keyid=keyid)}
    direct = {
        "none": remote_shell.write(stage, "none", None),
        "guard": remote_shell.write(stage, "guard", stage.guard_argv(root=source)),
    }
    with serving(stage, "throughput", lanes) as ssh:
        for name, make in trees.items():
            stage.progress(f"making {name}")
            make(source)
            # A virtual machine's memory is slow at its first use, which is none of the lanes' cost.
            make(target)
            try:
                pull = functools.partial(_pull, stage, name, source, target)
                by_ssh = [pull(lane, shlex.join(ssh)) for lane in LANES]
                lines += _by_wall(*_samples(stage, by_ssh, rounds))
                by_script = [pull(lane, direct[lane], ", no ssh") for lane in LANES]
                lines += _by_cpu(*_samples(stage, by_script, rounds))
            finally:
                shutil.rmtree(source)
    return lines


def _samples(stage: Stage, candidates: list[Candidate], rounds: int) -> Iterable[Samples]:
    return interleave(candidates, rounds, stage.progress, untimed=0).values()


def _pull(
    stage: Stage, name: str, source: str, target: str, lane: str, shell: str, how: str = ""
) -> Candidate:
    """Return the pull of SOURCE by LANE to a new TARGET, removed when it proved whole."""
    wanted = _content(source)
    logged = 0

    def prepare() -> None:
        nonlocal logged
        shutil.rmtree(target, ignore_errors=True)
        logged = stage.logged()

    def require_whole() -> None:
        if _content(target) != wanted:
            raise CannotMeasure(f"{name} did not arrive whole by lane {lane}")
        if (stage.logged() > logged) != (lane == "guard"):
            raise CannotMeasure(f"the guard's log shows that lane {lane} is not what it says")
        shutil.rmtree(target)

    return Candidate(
        f"{name}{how}: {'guard' if lane == 'guard' else 'no guard'}",
        [RSYNC, "-a", "-s", "-e", shell, f"{lane}:{source}/", f"{target}/"],
        stage.environment(),
        before=prepare,
        after=require_whole,
    )


def _content(path: str) -> tuple[int, int]:
    """Return the number of files below PATH and their bytes."""
    sizes = [
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(path)
        for name in names
    ]
    return len(sizes), sum(sizes)


def _one_file(source: str) -> None:
    os.makedirs(source)
    block = os.urandom(1 << 24)
    with open(os.path.join(source, "file"), "wb") as file:
        for _ in range(GIB // len(block)):
            file.write(block)


def _many_files(source: str) -> None:
    """Make files of 0 to 32 KiB, evenly spread: 330 MB together."""
    block = os.urandom(LONGEST_FILE)
    for number in range(FILES):
        folder = os.path.join(source, f"folder-{number // FILES_PER_FOLDER:03}")
        if number % FILES_PER_FOLDER == 0:
            os.makedirs(folder)
        with open(os.path.join(folder, f"file-{number:05}"), "wb") as file:
            file.write(block[: number * 7919 % len(block)])


def _by_wall(bare: Samples, guarded: Samples) -> list[Line]:
    """Return both lines; the rate is judged by the best times, since noise only slows down."""
    rate = 1 / ratio_of_best(guarded.wall, bare.wall)
    medians = 1 / ratio(guarded.wall, bare.wall)
    noise = max(bare.wall.spread, guarded.wall.spread)
    return [
        Line(bare.candidate.name, "ms", bare.wall, also={"cpu": bare.cpu}),
        Line(
            guarded.candidate.name,
            "ms",
            guarded.wall,
            (
                Comparison(f"{rate:.3f} x rate, best", rate, OF_UNGUARDED, True, noise),
                Comparison(f"{medians:.3f} x rate, median", medians),
            ),
            note=f"spread of the rounds {noise:.1%}: a smaller miss is no finding",
            also={"cpu": guarded.cpu},
        ),
    ]


def _by_cpu(bare: Samples, guarded: Samples) -> list[Line]:
    """Return both lines; what the guard adds is its start, whatever the size, or it reads along."""
    added = guarded.cpu.best - bare.cpu.best
    comparison = Comparison(f"{added:+.1f} ms CPU, best", added)
    return [
        Line(f"{bare.candidate.name}, CPU", "ms", bare.cpu),
        Line(f"{guarded.candidate.name}, CPU", "ms", guarded.cpu, (comparison,)),
    ]
