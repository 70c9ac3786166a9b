"""The start of an export as a line of the log: it starts no program, so it has no arguments."""

from __future__ import annotations

from ..record.event import Action
from ..record.line import encode
from ..record.request import command_members
from ..vocabulary import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ..record.event import Session

EXPORT: Final = "export"  # bpc.op
RULE: Final = "log-export"  # rule.id


def export_started(session: Session, command: bytes, policy_sha256: str) -> bytes:
    """Return the line that starts the export that COMMAND asks for."""
    return encode(
        [
            *session.opening(Action.STARTED),
            *command_members(command),
            ("rule.id", RULE),
            ("bpc.purpose", Operation.AUDIT),
            ("bpc.op", EXPORT),
            ("bpc.policy.sha256", policy_sha256),
        ]
    )
