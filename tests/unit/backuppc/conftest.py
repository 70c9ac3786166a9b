"""One perl for all files of a run."""

from __future__ import annotations

import pytest

from tests.oracles.perl_config import PerlConfig


@pytest.fixture(scope="session")
def perl(tmp_path_factory):
    """Return perl itself, which reads what the reader is held against."""
    oracle = PerlConfig(tmp_path_factory.mktemp("perl"))
    yield oracle
    oracle.close()
