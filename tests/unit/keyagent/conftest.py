"""A client for each test."""

from __future__ import annotations

import pytest

from . import scenes


@pytest.fixture
def client(tmp_path) -> scenes.Client:
    """Return a client below a folder of its own."""
    return scenes.Client(str(tmp_path))
