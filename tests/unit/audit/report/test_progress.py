"""A terminal shows how far the logs of a fleet are read, and nothing of that is among the data."""

from __future__ import annotations

import json
import os

import pytest

from tests import fleet, terminal


@pytest.mark.parametrize("words", [
    ["report", "--json", "--no-verify"], ["diff", "--json", "2026-10-01", "2026-10-02"],
], ids=lambda words: words[0])
def test_reading_moves_a_bar_to_its_end(words: list[str], tmp_path) -> None:
    [path] = fleet.write(str(tmp_path), 400, machines=1)
    done, shown = terminal.run(
        ["-m", "bpc_ssh_guard", "audit", *words, os.path.dirname(path)]
    )
    assert json.loads(done.stdout)
    assert b"read 1 files" in shown
    assert b"100%" in shown
