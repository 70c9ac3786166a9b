"""A whole ssh session on loopback: the wall time that a forced command adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..commands import SECLUDED, secluded_list, visible
from ..harness import Candidate, interleave
from ..loopback import serving
from ..outcome import Comparison, Line
from ..stub import EXECUTED

if TYPE_CHECKING:
    from ..harness import Samples
    from ..stage import Stage

ALLOWED = frozenset((EXECUTED,))


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Time sessions that end as soon as the program is there, with and without a guard."""
    rrsync = [stage.rrsync(stubbed=True), stage.tree]
    lanes = {
        "none": None,
        "guard": lambda keyid: stage.guard_argv(stubbed=True, keyid=keyid),
        "rrsync": lambda keyid: rrsync,
    }
    plain = visible(stage.share + "/")
    # Without a forced command the login shell starts what the client names.
    unguarded = stage.program + plain[len("rsync") :]
    with serving(stage, "session", lanes) as ssh:

        def candidate(name: str, lane: str, command: str, stdin: bytes = b"") -> Candidate:
            return Candidate(name, [*ssh, lane, command], stage.environment(), ALLOWED, stdin)

        listed = secluded_list(stage.share + "/")
        samples = interleave(
            [
                candidate("no forced command", "none", unguarded),
                candidate("guard", "guard", plain),
                candidate("guard, list on stdin", "guard", SECLUDED, listed),
                candidate(stage.rrsync_name, "rrsync", visible("share/")),
            ],
            rounds,
            stage.progress,
        )
    bare = samples["no forced command"]
    return [_line(each, bare) for each in samples.values()]


def _line(of: Samples, bare: Samples) -> Line:
    comparisons: tuple[Comparison, ...] = ()
    if of is not bare:
        median = of.wall.median - bare.wall.median
        best = of.wall.best - bare.wall.best
        comparisons = (
            Comparison(f"{median:+.1f} ms, medians", median),
            Comparison(f"{best:+.1f} ms, best", best),
        )
    return Line(of.candidate.name, "ms", of.wall, comparisons)
