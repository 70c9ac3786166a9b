"""A terminal shows how far the logs of a fleet are read, and nothing of that is among the data."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from tests import fleet
from tests.unit.record.scenes import CHECKOUT


@pytest.mark.parametrize("words", [
    ["report", "--json", "--no-verify"], ["diff", "--json", "2026-10-01", "2026-10-02"],
], ids=lambda words: words[0])
def test_reading_moves_a_bar_to_its_end(words: list[str], tmp_path) -> None:
    [path] = fleet.write(str(tmp_path), 400, machines=1)
    screen, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bpc_ssh_guard", "audit", *words, os.path.dirname(path)],
            cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=False,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
        os.write(terminal, b"\n#")
        shown = b""
        while not shown.endswith(b"#"):
            shown += os.read(screen, 65536)
    finally:
        os.close(screen)
        os.close(terminal)
    assert json.loads(done.stdout)
    assert b"read 1 files" in shown
    assert b"100%" in shown
