"""One line on a terminal's standard error that says what is being measured; else silence."""

from __future__ import annotations

import shutil
import sys


class Progress:
    """The line; it is gone when the table is printed."""

    def __init__(self) -> None:
        self.row = ""
        self._shown = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Say TEXT about the current row."""
        self._write(f"{self.row}: {text}")

    def clear(self) -> None:
        """Take the line away."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._shown:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{text[:width]}")
            sys.stderr.flush()
