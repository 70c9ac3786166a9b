"""A full audit of a stock BackupPC server: its wall time and what it holds in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.posture_tree import ServerTree

from ..harness import CannotMeasure
from ..outcome import Comparison, Line
from ..samples import Series
from ..stage import CHECKOUT

if TYPE_CHECKING:
    from ..stage import Stage

WALL_SECONDS = 1.0
RESIDENT_MB = 80.0
_FINDINGS = 1  # the status of an audit that found something, as on a stock server


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Audit the same server ROUNDS times, start of the process included."""
    tree = ServerTree.stock(Path(stage.folder("posture-row")))
    walls, peaks = [], []
    for number in range(1 + rounds):
        stage.progress(f"round {number} of {rounds}" if number else "untimed")
        wall, peak = _audit(str(tree.root))
        if number:
            walls.append(wall)
            peaks.append(peak)
    wall, peak = Series(tuple(walls)), Series(tuple(peaks))
    return [
        Line("a stock server, all checks", "s", wall,
             (Comparison(f"{wall.median:.2f} s", wall.median, WALL_SECONDS,
                         noise=wall.median * wall.spread),)),
        Line("resident", "MB", peak,
             (Comparison(f"{max(peaks):.0f} MB at most", max(peaks), RESIDENT_MB),)),
    ]


def _audit(root: str) -> tuple[float, float]:
    """Return the seconds and the most megabytes of one audit."""
    begin = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "bpc_ssh_guard", "posture", "audit", "--root", root, "--json"],
        cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != _FINDINGS:
        raise CannotMeasure("the audit failed")
    return time.monotonic() - begin, used.ru_maxrss / 1024
