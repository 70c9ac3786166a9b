"""A client and its server for all tests of a module; each test finds them as their admin left them.

`world` is enrolled; `machine`, with its `server`, has a guard and is still to be.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab.host import CHECKOUT

from .enrolment import Server
from .machine import Machine, open_machine
from .world import World, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("keys"), ["web1"]) as world:
        yield world


@pytest.fixture
def world(opened: World) -> World:
    """Return a server and the client web1, as its admin has left them."""
    opened.begin_again()
    return opened


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.fail("this needs root, for a machine of its own: run the lab as root")
    with open_machine(tmp_path_factory.mktemp("machine")) as opened:
        done = opened.run(sys.executable, "-c", "import os, sys; os.chdir(sys.argv[1]);"
                          " sys.path.insert(0, ''); from bpc_ssh_guard.__main__ import main;"
                          " sys.exit(main(['guardctl', 'install']))", CHECKOUT)
        assert done.returncode == 0, done
        yield opened


@pytest.fixture
def server(machine: Machine, tmp_path: Path) -> Server:
    """Return a server and a machine with a guard and a log, as an admin's own way left them."""
    machine.begin_again()
    (tmp_path / "server").mkdir()
    return Server(tmp_path / "server", machine)


@pytest.fixture
def logged(server: Server) -> Server:
    """Return a server whose machine has a command log begun already."""
    state = server.machine.path("/var/lib/bpc-ssh-guard")
    state.mkdir(mode=0o700)
    log = server.machine.path("/etc/bpc-ssh-guard")
    log.mkdir()
    (log / "policy").write_text("# the admin's own\n")
    assert server.machine.run("/usr/sbin/bpc-ssh-guardctl", "log", "init").returncode == 0
    return server
