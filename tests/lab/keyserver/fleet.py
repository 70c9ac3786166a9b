"""A fleet rotated while its server is killed at random and some clients are off.

`python3 -m tests.lab.keyserver.fleet COUNT [SEED]` does the same with COUNT clients and the kills
of SEED, then rotates all of them once more and prints what that cost; 1 if anybody was locked out
or left behind.
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

    from .world import LabClient

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
        watch = Watch(world, dead)
        done = Drill(world, dead, others, set(), 0, watch.locked_out())
        for _ in range(KILLS):
            done.killed += _killed(world, chosen.randrange(2, count * STEPS // KILLS))
            done.locked_out += watch.locked_out()
        records = world.server.records(*WORDS, status=1)
        done.failed = {each["host"] for each in records if each["outcome"] == "failed"}
        done.locked_out += watch.locked_out()
        yield done


class Watch:
    """Who of the clients of WORLD but DEAD is locked out, tried after each change of a side."""

    def __init__(self, world: World, dead: list[str]) -> None:
        self._server = world.server
        self._clients = [client for client in world.clients.values() if client.name not in dead]
        self._seen: dict[str, tuple[object, ...]] = {}

    def locked_out(self) -> list[str]:
        """Return the labels whose key in use does not log in.

        Where neither the client's lines nor our key have changed, the login can't have either.
        """
        states = {f"{client.name}-backup": (client.lines(), self._key(client))
                  for client in self._clients}
        labels = [label for label, state in states.items() if self._seen.get(label) != state]
        self._seen = states
        with ThreadPoolExecutor(4) as pool:
            works = pool.map(self._server.works, labels)
            return [label for label, does_work in zip(labels, works) if not does_work]

    def _key(self, client: LabClient) -> str:
        return self._server.current(f"{client.name}-backup").key_id


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


def main(count: int, seed: int = 1) -> int:
    """Rotate COUNT clients, with kills by SEED, then without; print what it cost."""
    folder = tempfile.mkdtemp(prefix="bpc-fleet-")
    try:
        with drill(Path(folder), count, seed) as done:
            for name in done.dead:
                done.world.clients[name].sshd.start()
            server = done.world.server
            server.write_config()
            server.records(*WORDS)  # the dead ones, too
            began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            records = server.records("rotate", "--emergency", *WORDS[3:])
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rotated = sum(each["outcome"] == "rotated" for each in records)
            print(json.dumps({
                "clients": count, "seed": seed, "killed": done.killed,
                "locked_out": done.locked_out, "failed": sorted(done.failed),
                "dead": sorted(done.dead), "rotated": rotated,
                "wall_s": round(time.monotonic() - began, 2),
                "cpu_ms_each": round(1000 * cpu / count, 1),
            }))
            is_fine = done.failed == set(done.dead) and not done.locked_out and rotated == count
            return 0 if is_fine else 1
    finally:
        trees.remove(folder)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
