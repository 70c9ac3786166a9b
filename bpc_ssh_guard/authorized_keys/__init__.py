"""A line of authorized_keys parsed as sshd does, composed and compared."""

from __future__ import annotations

from .line import KEY_TYPES, Line, fingerprint, key_id, parse, parse_file
from .managed import MAX_GENERATION, ForcedCommand, ManagedLine, Mark, Uncomposable

__all__ = [
    "KEY_TYPES", "MAX_GENERATION", "ForcedCommand", "Line", "ManagedLine", "Mark", "Uncomposable",
    "fingerprint", "key_id", "parse", "parse_file",
]
