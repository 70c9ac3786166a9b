"""Keys that run no program, rotation and audit keys: what they are for, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import Refused
from ..keyagent import verbs as key_verbs
from ..keyagent.verbs import Verb
from ..logagent import verbs
from ..vocabulary import Operation, Reason

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


def answer_of(block: Block, command: bytes) -> str:
    """Return what the key of BLOCK, of WITHOUT_PROGRAM, answers to COMMAND; raises Refused."""
    if block.operation == Operation.AUDIT:
        return audit_answer(command)
    request = key_verbs.parse(command)
    label = request.label.decode("ascii")
    if request.verb != Verb.LIST and request.label not in block.rotates:
        raise Refused(Reason.NOT_ROTATABLE, f"Rotate does not list {label}")
    key = request.key_id.decode("ascii")
    return {
        Verb.LIST: f"which keys {', '.join(each.decode('ascii') for each in block.rotates)} have",
        Verb.STAGE: f"whether {key} is now g{request.generation} of {label}, for a day",
        Verb.CONFIRM: f"whether {key} of {label} lasts now, if it has logged in",
        Verb.DROP: f"whether {key} of {label} is gone, if it was not confirmed",
        Verb.RETIRE: f"whether {key} of {label} is gone, if a later key has logged in",
        Verb.GRANT: f"whether {label} may restore for {request.seconds} seconds",
        Verb.UNGRANT: f"whether the grant of {label} is closed",
    }[request.verb]


def audit_answer(command: bytes) -> str:
    """Return what an audit key answers to COMMAND; raises Refused."""
    request = verbs.parse(command)
    if isinstance(request, verbs.CheckpointRequest):
        return "where the command log ends, proved for the nonce"
    return f"the lines of the command log from record {request.first} on"
