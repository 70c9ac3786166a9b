"""The rows of the table. A new one is a module with `measure(stage, rounds)` and an entry here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import (
    certificates,
    confine,
    log,
    memory,
    parse,
    posture,
    report,
    rotation,
    session,
    start,
    throughput,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..outcome import Line
    from ..stage import Stage


@dataclass(frozen=True)
class Row:
    """One question to the guard; `--only` knows it by NAME."""

    name: str
    title: str
    measure: Callable[[Stage, int], Sequence[Line]]
    rounds: int
    quick_rounds: int


ROWS = (
    Row("start", "Start to exec, CPU of the whole tree", start.measure, 40, 10),
    Row("parse", "The largest input decided, start included, CPU", parse.measure, 15, 2),
    Row("throughput", "Pulled through sshd, wall time", throughput.measure, 6, 2),
    Row("memory", "Memory beside an open transfer", memory.measure, 5, 1),
    Row("confine", "The kernel's confinement, CPU of the whole tree", confine.measure, 20, 4),
    Row("log", "The command log: CPU at the start, one record's time", log.measure, 60, 8),
    Row("verify", "The auditor's proof of a log, CPU of one core", verify.measure, 10, 3),
    Row("report", "The auditor's report over a fleet, wall time", report.measure, 3, 1),
    Row("certificates", "Certificates for a fleet, wall time", certificates.measure, 2, 1),
    Row("posture", "A full audit of a BackupPC server", posture.measure, 5, 2),
    Row("rotation", "A key replaced on each of 20 clients, wall time a client",
        rotation.measure, 3, 1),
    Row("session", "A whole ssh session, wall time", session.measure, 30, 6),
)
