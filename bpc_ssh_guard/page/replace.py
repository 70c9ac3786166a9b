"""Writes a page so that who opens it finds the old one or the new one, whole."""

from __future__ import annotations

import os
import tempfile


def replace(path: str, text: str) -> None:
    """Write TEXT, which is ASCII, to PATH at once; raises OSError, which names PATH."""
    try:
        _replace(path, text)
    except OSError as error:  # of a name that nobody gave
        raise OSError(error.errno, error.strerror, path) from None


def _replace(path: str, text: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    # A folder of our own: in /tmp, say, somebody may have put a link where the new page would be.
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as own:
        beside = os.path.join(own, "page.html")
        with open(beside, "x", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, path)
