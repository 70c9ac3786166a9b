"""One server's files of each kind for the whole run; each test has a copy of its own to spoil."""

from __future__ import annotations

import pytest

from tests.posture_tree import ServerTree


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """Return the two trees that are copied."""
    return {"stock": ServerTree.stock(tmp_path_factory.mktemp("stock")),
            "hardened": ServerTree.hardened(tmp_path_factory.mktemp("hardened"))}


@pytest.fixture
def stock(pristine, tmp_path):
    """Return a stock Debian server."""
    return pristine["stock"].copy(tmp_path)


@pytest.fixture
def hardened(pristine, tmp_path):
    """Return a server on which everything is as it should be."""
    return pristine["hardened"].copy(tmp_path)
