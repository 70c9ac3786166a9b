"""What can't be known about a server, and why: never taken for good, never for bad."""

from __future__ import annotations

from typing import Optional


class Undecided(Exception):
    """What was asked can't be known. SUBJECT is a path or a setting; LINE is SUBJECT's, from 1."""

    def __init__(self, subject: str, reason: str, line: Optional[int] = None) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason
        self.line = line
