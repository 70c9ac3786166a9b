"""The events of those who read the log as lines of it: a checkpoint that was served."""

from __future__ import annotations

from ..vocabulary import Operation
from .event import Action, Session, opening
from .line import encode
from .origin import caller_members, machine_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


def checkpoint_served(nonce: bytes, session: Optional[Session] = None) -> bytes:
    """Return the line of a checkpoint for NONCE, asked for by SESSION or on the machine itself."""
    served = Action.CHECKPOINT_SERVED
    if session is None:
        members = [*opening(served, machine_members()), *caller_members(None)]
    else:
        members = [*session.opening(served), ("bpc.purpose", Operation.AUDIT)]
    return encode([*members, ("bpc.checkpoint.nonce", nonce.hex())])
