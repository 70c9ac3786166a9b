"""The answers of the protocol bpc-log/1: one line of JSON, sent whole or not at all."""

from __future__ import annotations

import os

from ..lean import json_string
from ..vocabulary import REASONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ..record.sink import Checkpoint

STDOUT: Final = 1


def checkpoint(point: Checkpoint) -> bytes:
    """Return the answer that POINT is."""
    members = (
        ("chain", json_string(point.chain.hex())),
        ("sequence", str(point.sequence)),
        ("head", json_string(point.head.hex())),
        ("proof", json_string(point.proof.hex())),
    )
    return _line("true", members)


def refusal(reason: str) -> bytes:
    """Return the answer that there is none for REASON, of the vocabulary; it never has a detail."""
    said = REASONS.get(reason, "")
    return _line("false", (("error", json_string(reason)), ("message", json_string(said))))


def send(data: bytes) -> bool:
    """Write all of DATA to standard output; return False where nobody reads it."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(STDOUT, view) :]
    except OSError:
        return False
    return True


def _line(ok: str, members: tuple[tuple[str, str], ...]) -> bytes:
    pieces = ",".join(f'"{name}":{value}' for name, value in (("v", "1"), ("ok", ok), *members))
    return b"{%s}\n" % pieces.encode("ascii")
