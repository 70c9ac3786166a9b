"""Bytes between two records that are none: how many, their hash, and whether a guard left them."""

from __future__ import annotations

from hashlib import sha256

from ..record.recovery import PIECES, is_torn


class Junk:
    """Lines that are no record, which begin at `offset` of the segment; held in bounded memory."""

    def __init__(self) -> None:
        self.size = 0
        self.offset = 0
        self._digest = sha256()
        self._pieces: list[bytes] = []  # the first ones: enough to tell torn from foreign

    def add(self, line: bytes, offset: int) -> None:
        """Add LINE, which stands at OFFSET."""
        if not self.size:
            self.offset = offset
        self.size += len(line)
        self._digest.update(line)
        if len(self._pieces) <= PIECES:
            self._pieces.append(line.removesuffix(b"\n"))

    @property
    def digest(self) -> str:
        """The SHA-256 of all of it in hex digits, as a log-recovered tells it."""
        return self._digest.hexdigest()

    def is_torn(self, sequence: int) -> bool:
        """Tell whether killed guards can have left it where the record SEQUENCE was to be."""
        return is_torn(self._pieces, sequence)
