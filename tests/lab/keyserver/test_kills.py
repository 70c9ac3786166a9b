"""Whoever kills the server at whatever point, the key in use works and one re-run ends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.journal import STATES

from .killed import STEPS

if TYPE_CHECKING:
    from .world import World

pytestmark = pytest.mark.lab

BACKUP = "web1-backup"
POINTS = [*(f"{when}:{state}" for state in STATES for when in ("before", "after")), *STEPS]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_rotation_leaves_a_key_that_works_and_one_more_run_ends_it(
    world: World, point: str
) -> None:
    server, client = world.server, world.clients["web1"]
    others = client.others()

    server.killed(point, "rotate", "--emergency", "--label", "backup")

    assert server.works(BACKUP)
    assert client.others() == others

    server.run("rotate", "--emergency", "--label", "backup")

    pair = server.current(BACKUP)
    assert server.works(BACKUP)
    assert client.others() == others
    (line,) = client.lines_of(BACKUP)
    assert line.endswith(f" bpc-ssh-guard:{BACKUP}:{pair.key_id}:g{pair.generation}")
    names = {"current", f"g{pair.generation}", f"g{pair.generation}.pub"}
    assert set(os.listdir(server.pairs(BACKUP).folder)) == names
    entry = server.entry(BACKUP)
    assert (entry.is_idle, entry.key) == (True, pair.key_id)
    with server.store() as store:
        store.check()
