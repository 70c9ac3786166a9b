"""One perl for all files of a run."""

from __future__ import annotations

import pytest

from tests.oracles.perl_config import PerlConfig


@pytest.fixture(scope="session")
def perl():
    """Return perl itself, which reads what the reader is held against."""
    oracle = PerlConfig()
    yield oracle
    oracle.close()
