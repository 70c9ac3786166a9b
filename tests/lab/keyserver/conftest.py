"""One client and its server for all tests of a module; each test finds them newly enrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .world import World, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("keys"), ["web1"]) as world:
        yield world


@pytest.fixture
def world(opened: World) -> World:
    """Return a server and the client web1, as its admin has left them."""
    opened.begin_again()
    return opened
