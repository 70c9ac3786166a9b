"""A restore key works under a grant alone, and is replaced and taken out at any time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.process import run

if TYPE_CHECKING:
    from .world import World

pytestmark = pytest.mark.lab

RESTORE = "web1-restore"


def test_a_grant_opens_a_restore_key_for_hours_and_nothing_else(world: World) -> None:
    server = world.server
    server.run("rotate", "--emergency")
    push = server.ssh(RESTORE, f"tar -x -f - -C {world.clients['web1'].folder}/restored")
    archive = bytes(10240)  # an empty one: two blocks of zeroes, in a record
    assert run(push, stdin=archive).returncode == 126
    record = server.records("grant", "restore", "web1", "--for", "1h")[-1]
    assert abs(record["until"] - time.time() - 3600) < 60
    assert run(push, stdin=archive).returncode == 0
    server.run("ungrant", RESTORE, "web1")
    assert run(push, stdin=archive).returncode == 255
    record = server.records("grant", "backup", "web1", status=1)[-1]
    assert "bpc-ssh-guardctl grant web1-backup" in record["text"]
    with server.store() as store:
        said = [what for *_, what in store.events("web1", RESTORE)]
    asked, opened, closed = said[-3:]
    assert (asked, closed) == ("asked for a grant for 60m", "grant is closed")
    assert opened.startswith("grant is open until ")


@pytest.mark.parametrize("state", ["proven", "confirmed", "switched", "retired"])
def test_a_restore_key_whose_end_came_in_the_midst_is_gone_on_with(
    world: World, state: str
) -> None:
    """Confirmed, it keeps the end of its staging, and no grant has set another since."""
    server, client = world.server, world.clients["web1"]
    words = ("--emergency", "--label", "restore")
    server.killed(f"after:{state}", "rotate", *words)
    mark = ":g2:staged" if state == "proven" else ":g2"
    client.set_end(mark, -60)

    server.run("resume", *words)

    pair = server.current(RESTORE)
    (line,) = client.lines_of(RESTORE)
    assert f":{pair.key_id}:" in line
    assert (server.entry(RESTORE).is_idle, server.entry(RESTORE).key) == (True, pair.key_id)
    server.run("grant", "restore", "web1", "--for", "1h")
    assert server.works(RESTORE)


@pytest.mark.parametrize("state", ["staged", "confirmed", "switched"])
def test_revoking_replaces_a_restore_key_whose_rotation_was_under_way(
    world: World, state: str
) -> None:
    server, client = world.server, world.clients["web1"]
    server.killed(f"after:{state}", "rotate", "--emergency", "--label", "restore")
    stolen = [pair.key_id for pair in server.pairs(RESTORE).all().values()]

    server.run("revoke", "--emergency", "--host", "web1", "--label", "restore")

    (line,) = client.lines_of(RESTORE)
    assert f":{server.current(RESTORE).key_id}:" in line
    assert not any(key in line for key in stolen)
    assert server.entry(RESTORE).is_idle
