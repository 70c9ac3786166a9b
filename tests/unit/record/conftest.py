"""A session and a log folder for each test."""

from __future__ import annotations

import os

import pytest

from bpc_ssh_guard.record.event import Session

from . import scenes


@pytest.fixture
def session() -> Session:
    """Return the session of one login by the key web1-backup."""
    return scenes.session()


@pytest.fixture
def directory(tmp_path) -> bytes:
    """Return the path of a log folder that doesn't exist yet."""
    return os.fsencode(tmp_path / "log")
