"""Why something is left as it is, and not changed."""

from __future__ import annotations


class Refused(Exception):
    """It would not be safe, or not be what was looked at; the text says why, and what to do."""
