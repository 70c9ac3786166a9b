"""What holds for all tests: how many run at once, no limit of time, a way in for any account."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# No property is a matter of time: a busy machine makes one example slow, and nothing wrong.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's, for `-n auto`; no test needs it
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are processors: while one waits for a disk or a server."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture
def passable(tmp_path: Path) -> Path:
    """Return the test's own folder, to which any account finds its way."""
    for folder in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    return tmp_path
