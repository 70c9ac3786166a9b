"""Keys that run no program, rotation and audit keys: what they are for, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..logagent import verbs
from ..vocabulary import Operation

if TYPE_CHECKING:
    from ..policy.model import Block

WITHOUT_PROGRAM: Final = (Operation.ROTATE, Operation.AUDIT)


def purpose_of(block: Block) -> str:
    """Return what the key of BLOCK is for; nothing for one that backs up or restores."""
    if block.operation == Operation.AUDIT:
        return "it serves checkpoints and lines of the command log; no rsync, no tar"
    if block.operation == Operation.ROTATE:
        labels = ", ".join(label.decode("ascii") for label in block.rotates)
        return f"it replaces the keys of {labels}; no rsync, no tar"
    return ""


def audit_answer(command: bytes) -> str:
    """Return what an audit key answers to COMMAND; raises Refused."""
    request = verbs.parse(command)
    if isinstance(request, verbs.CheckpointRequest):
        return "where the command log ends, proved for the nonce"
    return f"the lines of the command log from record {request.first} on"
