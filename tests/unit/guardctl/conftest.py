"""A client for each test."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.guardctl.install import install

from . import scenes


@pytest.fixture
def client(tmp_path) -> scenes.Client:
    """Return a client below a folder of its own."""
    return scenes.Client(str(tmp_path))


@pytest.fixture(scope="session")
def prefix(tmp_path_factory) -> str:
    """Return the prefix below which the guard is installed."""
    path = str(tmp_path_factory.mktemp("guard") / "usr")
    install(path)
    return path


@pytest.fixture
def checked(tmp_path, prefix) -> scenes.CheckedClient:
    """Return a client that `check` has nothing to complain about."""
    return scenes.CheckedClient(str(tmp_path), prefix)
