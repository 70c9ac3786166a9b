"""A fleet rotated while its server is killed at random and some clients are off.

`python3 -m tests.lab.keyserver.fleet COUNT` runs the same with COUNT clients and prints the rate.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import trees
from tests.lab.process import kill_session

from .world import World, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAD_PERCENT = 5
KILLS = 4
STEPS = 8  # lines of a rotation from generated to idle
WORDS = ("rotate", "--due", "--emergency", "--label", "backup", "--jobs", "8")


@dataclass
class Drill:
    """What a drill came to."""

    world: World
    dead: list[str]
    others: dict[str, list[str]]
    failed: set[str]
    killed: int
    locked_out: list[str]


@contextlib.contextmanager
def drill(folder: Path, count: int, seed: int) -> Iterator[Drill]:
    """Rotate COUNT clients below FOLDER, with kills by SEED; the last run ends by itself."""
    chosen = random.Random(seed)
    names = [f"host{number}" for number in range(count)]
    with open_world(folder, names) as world:
        dead = chosen.sample(names, max(1, count * DEAD_PERCENT // 100))
        for name in dead:
            world.clients[name].sshd.stop()
        others = {name: client.others() for name, client in world.clients.items()}
        done = Drill(world, dead, others, set(), 0, [])
        for _ in range(KILLS):
            done.killed += _killed(world, chosen.randrange(2, count * STEPS // KILLS))
            done.locked_out += locked_out(world, dead)
        records = world.server.records(*WORDS, status=1)
        done.failed = {each["host"] for each in records if each["outcome"] == "failed"}
        yield done


def _killed(world: World, lines: int) -> bool:
    """Kill a run after it has told of LINES; tell whether it was still at work."""
    process = world.server.start(*WORDS, "--json")
    try:
        for _ in range(lines):
            if process.stdout is None or not process.stdout.readline():
                return False
        return process.poll() is None
    finally:
        kill_session(process)
        process.communicate()


def locked_out(world: World, dead: list[str]) -> list[str]:
    """Return the clients but DEAD whose key in use does not log in."""
    labels = [f"{name}-backup" for name in world.clients if name not in dead]
    with ThreadPoolExecutor(4) as pool:
        return [label for label, works in zip(labels, pool.map(world.server.works, labels))
                if not works]


def main(count: int) -> None:
    """Rotate COUNT clients, first with kills, then without, and print what it cost."""
    folder = tempfile.mkdtemp(prefix="bpc-fleet-")
    try:
        with drill(Path(folder), count, 1) as done:
            for name in done.dead:
                done.world.clients[name].sshd.start()
            server = done.world.server
            server.write_config()
            began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            server.records("rotate", "--emergency", "--label", "backup", "--jobs", "8")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(json.dumps({
                "clients": count, "killed": done.killed, "locked_out": done.locked_out,
                "failed": sorted(done.failed), "dead": sorted(done.dead),
                "wall_s": round(time.monotonic() - began, 2),
                "cpu_ms_each": round(1000 * cpu / count, 1),
            }))
    finally:
        trees.remove(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]))
