"""One installation that tests look at, and folders for those that make their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.guardctl.bundle import bundle
from bpc_ssh_guard.guardctl.install import install

from .client import Client

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation below a prefix, not to be changed."""
    prefix = tmp_path_factory.mktemp("installed") / "usr"
    install(str(prefix))
    return prefix


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both bundles, not to be changed."""
    folder = tmp_path_factory.mktemp("bundled")
    bundle(str(folder))
    return folder


@pytest.fixture
def client(tmp_path: Path) -> Client:
    folder = tmp_path / "client"
    folder.mkdir()
    return Client.make(folder)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "usr"
