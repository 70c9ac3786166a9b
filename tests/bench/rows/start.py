"""Start to exec: the CPU time of a guard's whole tree around a program that exits at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ..commands import REFUSED, SECLUDED, secluded_list, visible
from ..harness import Candidate, Samples, interleave
from ..outcome import Comparison, Line
from ..samples import ratio
from ..stage import PYTHON
from ..stub import EXECUTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..stage import Stage

OF_RRSYNC = 0.65
OF_PYTHON = 3.0
ALLOWED = frozenset((EXECUTED,))
GUARD_REFUSED = frozenset((126,))
RRSYNC_REFUSED = frozenset((1,))


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Time guard, rrsync and the bare interpreter, allowing and refusing, in the same rounds."""
    floor = Candidate("python3 -IS -c pass", [PYTHON, "-IS", "-c", "pass"], stage.environment())
    rrsync = stage.rrsync_name
    samples = interleave(
        [floor, *_rrsync_candidates(stage), *_guard_candidates(stage)], rounds, stage.progress
    )
    python = samples[floor.name]
    return [
        _line(python, None, None),
        _line(samples[f"{rrsync}: allowed"], python, None),
        _line(samples[f"{rrsync} -ro: allowed"], python, None),
        _line(samples[f"{rrsync}: refused"], python, None),
        _line(samples["guard: allowed"], python, samples[f"{rrsync}: allowed"]),
        _line(samples["guard: allowed, list on stdin"], python, samples[f"{rrsync}: allowed"]),
        _line(samples["guard: refused"], python, samples[f"{rrsync}: refused"]),
        _line(samples["guard: refused, list on stdin"], python, samples[f"{rrsync}: refused"]),
    ]


def _rrsync_candidates(stage: Stage) -> Sequence[Candidate]:
    """Return rrsync's rows; with -ro it takes no lock and replaces itself by rsync."""
    script, name = stage.rrsync(stubbed=True), stage.rrsync_name
    allowed = stage.environment(SSH_ORIGINAL_COMMAND=visible("share/"))
    refused = stage.environment(SSH_ORIGINAL_COMMAND=REFUSED + "share/")
    return (
        Candidate(f"{name}: allowed", [script, stage.tree], allowed, ALLOWED),
        Candidate(f"{name} -ro: allowed", [script, "-ro", stage.tree], allowed, ALLOWED),
        Candidate(f"{name}: refused", [script, stage.tree], refused, RRSYNC_REFUSED),
    )


def _guard_candidates(stage: Stage) -> Sequence[Candidate]:
    argv, share = stage.guard_argv(stubbed=True), stage.share + "/"

    def candidate(name: str, command: str, expect: frozenset[int], stdin: bytes) -> Candidate:
        env = stage.environment(SSH_ORIGINAL_COMMAND=command)
        return Candidate(f"guard: {name}", argv, env, expect, stdin)

    return (
        candidate("allowed", visible(share), ALLOWED, b""),
        candidate("allowed, list on stdin", SECLUDED, ALLOWED, secluded_list(share)),
        candidate("refused", REFUSED + share, GUARD_REFUSED, b""),
        candidate("refused, list on stdin", SECLUDED, GUARD_REFUSED, secluded_list("/etc/")),
    )


def _line(of: Samples, python: Optional[Samples], rrsync: Optional[Samples]) -> Line:
    comparisons = []
    if rrsync is not None:
        value = ratio(of.cpu, rrsync.cpu)
        comparisons.append(Comparison(f"{value:.2f} x rrsync", value, OF_RRSYNC))
    if python is not None:
        value = ratio(of.cpu, python.cpu)
        limit = OF_PYTHON if rrsync is not None else None
        comparisons.append(Comparison(f"{value:.2f} x python3", value, limit))
    return Line(of.candidate.name, "ms", of.cpu, tuple(comparisons), also={"wall": of.wall})
