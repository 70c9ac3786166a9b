"""A report over a fleet: from JSON Lines, from Parquet with and without its counts; its memory.

One million records are made, and copied under other machines' names: ten of them for the figures
that the product promises, one for a quick look.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Optional

from bpc_ssh_guard.audit.engine.counts import path_of
from bpc_ssh_guard.audit.engine.parquet import convert
from tests import fleet

from ..harness import CannotMeasure
from ..outcome import Comparison, Line
from ..samples import Series
from ..stage import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..stage import Stage

MILLION = 1_000_000
MACHINES = 40
COPIES = 10
QUICK_ROUNDS = 1  # of a run that has no minutes: one million, against a tenth of the targets
JSONL_SECONDS = 15.0
PARQUET_SECONDS = 2.0
RESIDENT_MB = 1000.0
PAGE_KB = 300.0


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Report over the same records in each form, page included; wall time of the process."""
    copies = 1 if rounds <= QUICK_ROUNDS else COPIES
    folder = stage.folder("report-row")
    try:
        jsonl, parquet = _make(stage, folder, copies)
        share = copies / COPIES
        lines = [
            *_lines("JSON Lines", stage, rounds, jsonl, JSONL_SECONDS * share, copies),
            *_lines("Parquet", stage, rounds, parquet, PARQUET_SECONDS * share, copies),
        ]
        for path in parquet:  # as they are of a month that another release, or nobody, counted
            os.unlink(path_of(path))
        return [*lines, *_lines("Parquet, counted anew", stage, rounds, parquet, None, copies)]
    finally:
        shutil.rmtree(folder)


def _make(stage: Stage, folder: str, copies: int) -> tuple[Sequence[str], Sequence[str]]:
    stage.progress(f"making {copies} million records")
    first = fleet.write(os.path.join(folder, "jsonl-0"), MILLION, MACHINES)
    paths = list(first)
    for number in range(1, copies):
        for path in first:
            paths.append(_copy(path, path.replace("jsonl-0", f"jsonl-{number}"), number))
    parquet = []
    for machine in sorted({os.path.dirname(path) for path in paths}):
        stage.progress("converting to Parquet")
        parquet.append(os.path.join(folder, f"{len(parquet)}.parquet"))
        convert([path for path in paths if os.path.dirname(path) == machine], parquet[-1])
    return paths, parquet


def _copy(path: str, other: str, number: int) -> str:
    """Copy PATH to OTHER under the names of other machines; return OTHER."""
    os.makedirs(os.path.dirname(other), exist_ok=True)
    with open(path, "rb") as file, open(other, "wb") as copy:
        copy.write(re.sub(rb'"web0', b'"web%d' % number, file.read()))
    return other


def _lines(
    form: str, stage: Stage, rounds: int, paths: Sequence[str], seconds: Optional[float],
    millions: int,
) -> list[Line]:
    walls, peaks, sizes = [], [], []
    page = os.path.join(stage.folder("report-row"), "page.html")
    names = os.path.join(stage.folder("report-row"), "names")
    with open(names, "w", encoding="ascii") as file:
        json.dump(list(paths), file)
    for number in range(1 + rounds):
        stage.progress(f"{form}: round {number} of {rounds}" if number else f"{form}: untimed")
        wall, peak = _report(names, page)
        if number:
            walls.append(wall)
            peaks.append(peak)
            sizes.append(os.path.getsize(page) / 1024)
    wall, peak, size = Series(tuple(walls)), Series(tuple(peaks)), Series(tuple(sizes))
    rate = f"{millions * MILLION / wall.median:,.0f} records/s"
    return [
        Line(f"{form}, {millions} M records", "s", wall,
             (Comparison(rate, wall.median, seconds, noise=wall.median * wall.spread),)),
        Line(f"{form}: resident", "MB", peak,
             (Comparison(f"{max(peaks):.0f} MB at most", max(peaks), RESIDENT_MB),)),
        Line(f"{form}: the page", "KiB", size,
             (Comparison(f"{max(sizes):.0f} KiB", max(sizes), PAGE_KB),)),
    ]


_TIMED = """
import json, sys, tempfile
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard.audit.engine.duck import Engine
from bpc_ssh_guard.audit.engine.period import Period
from bpc_ssh_guard.audit.engine.summary import summarize
from bpc_ssh_guard.audit.report.page import page
with tempfile.TemporaryDirectory() as scratch:
    with Engine(json.load(open(sys.argv[2])), scratch) as engine:
        engine.read()
        first, last = engine.days()
        text = page(summarize(engine, Period(first, last)))
open(sys.argv[3], "w").write(text)
"""


def _report(names: str, page: str) -> tuple[float, float]:
    """Return the seconds and the most megabytes of one report, start of the process included."""
    begin = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", _TIMED, CHECKOUT, names, page])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise CannotMeasure("the report failed")
    return time.monotonic() - begin, _megabytes(used)


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024
