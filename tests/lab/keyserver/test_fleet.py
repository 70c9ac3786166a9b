"""Many clients at a time: some off, the server killed at random, and nobody locked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .fleet import WORDS, drill

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("count", [20])
def test_a_fleet_is_rotated_though_its_server_is_killed_and_clients_are_off(
    tmp_path: Path, count: int
) -> None:
    with drill(tmp_path, count, seed=count) as done:
        server, clients = done.world.server, done.world.clients
        assert done.killed >= 2
        assert done.locked_out == []
        assert done.failed == set(done.dead)
        for name in done.dead:
            client = clients[name]
            assert server.entry(f"{name}-backup").key in client.lines_of(f"{name}-backup")[0]
            client.sshd.start()
        server.write_config()

        server.run(*WORDS)

        for name, client in clients.items():
            pair = server.current(f"{name}-backup")
            (line,) = client.lines_of(f"{name}-backup")
            assert f":{pair.key_id}:g{pair.generation}" in line
            assert pair.generation > 1
            assert client.others() == done.others[name]
            assert server.entry(f"{name}-backup").is_idle
        assert server.records("verify", "--label", "backup")
        assert server.records(*WORDS) == []
