"""The keys of a fleet replaced by bpc-ssh-keys, and by Ansible's module on the same sshds.

A rotation also proves the new key, confirms it and holds that the old one is refused; the play only
edits files.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.keyserver.world import open_world

from ..authorized_key import FORKS, Play
from ..harness import Candidate, CannotMeasure, Misbehaved, interleave
from ..outcome import Comparison, Line
from ..samples import Series, ratio

if TYPE_CHECKING:
    from tests.lab.keyserver.world import World

    from ..harness import Samples
    from ..stage import Stage

CLIENTS = 20
CPU_MS = 40.0
TIMES_THE_RATE = 2.0
NAME = "bpc-ssh-keys rotate"


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Replace one key on each of CLIENTS by both ways, in the same rounds."""
    folder = Path(stage.folder("rotation-row"))
    stage.progress(f"starting {CLIENTS} sshds")
    try:
        with open_world(folder, [f"host{number}" for number in range(CLIENTS)]) as world:
            play = Play(stage, stage.folder("rotation-play"), list(world.clients.values()))
            samples = interleave(
                [_rotation(stage, world), play.candidate], rounds, stage.progress
            )
    except (OSError, RuntimeError) as error:
        raise CannotMeasure(f"no clients on loopback: {error}") from None
    ours, theirs = samples.values()
    return [_ours(ours, theirs), _theirs(theirs)]


def _rotation(stage: Stage, world: World) -> Candidate:
    """Return the rotation of every backup key, which ends with a generation more on each client."""
    argv = world.server.argv("rotate", "--emergency", "--label", "backup", "--jobs", str(FORKS))
    argv[0] = sys.executable
    seen = _generations(world)

    def check() -> None:
        found = _generations(world)
        if found != {label: number + 1 for label, number in seen.items()}:
            raise Misbehaved(f"{NAME}: not every key is the next generation")
        seen.update(found)

    return Candidate(NAME, argv, stage.environment(), after=check)


def _generations(world: World) -> dict[str, int]:
    """Return the generation of each client's backup key, of which each has one line."""
    found = {}
    for name, client in world.clients.items():
        (line,) = client.lines_of(f"{name}-backup")
        found[name] = int(line.rpartition(":g")[2])
    return found


def _ours(ours: Samples, theirs: Samples) -> Line:
    wall, cpu = _each(ours.wall), _each(ours.cpu)
    rate, share = ratio(theirs.wall, ours.wall), ratio(ours.cpu, theirs.cpu)
    return Line(
        NAME, "ms", wall,
        (
            Comparison(f"{rate:.2f} x the rate", rate, TIMES_THE_RATE, at_least=True,
                       noise=rate * max(ours.wall.spread, theirs.wall.spread)),
            Comparison(f"{cpu.median:.1f} ms CPU", cpu.median, CPU_MS,
                       noise=cpu.median * cpu.spread),
            Comparison(f"{share:.2f} x the CPU", share),
        ),
        also={"cpu": cpu},
    )


def _theirs(theirs: Samples) -> Line:
    cpu = _each(theirs.cpu)
    return Line(theirs.candidate.name, "ms", _each(theirs.wall),
                (Comparison(f"{cpu.median:.1f} ms CPU", cpu.median),), also={"cpu": cpu})


def _each(series: Series) -> Series:
    """Return SERIES of a whole run as that of one client."""
    return Series(tuple(value / CLIENTS for value in series.values))
