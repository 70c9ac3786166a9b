"""A program whose standard error is a terminal, and what a person would see there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.unit.record.scenes import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

TERMINAL_TOO = -100  # standard output is the same terminal


def run(
    words: Sequence[str], output: int = subprocess.PIPE
) -> tuple[subprocess.CompletedProcess[bytes], bytes]:
    """Return how Python ended with WORDS, and what it showed on its terminal."""
    screen, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, *words], cwd=CHECKOUT, check=False, stderr=terminal,
            stdout=terminal if output == TERMINAL_TOO else output, timeout=60,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
        os.write(terminal, b"\n#")
        shown = b""
        while not shown.endswith(b"#"):
            shown += os.read(screen, 65536)
    finally:
        os.close(screen)
        os.close(terminal)
    return done, shown
