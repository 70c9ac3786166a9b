"""The events of a key's life as lines of the command log: listed, staged, confirmed, taken out.

The record is about the key that changes, under the names that its own logins have; whose request
it was stands beside it.
"""

from __future__ import annotations

from ..vocabulary import Operation
from .event import Action, Session, timestamp
from .line import encode, text
from .origin import KEY_WORD_LIMIT
from .request import command_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from .line import Member

_SECOND: Final = 1_000_000_000


class Unusual:
    """What was special about a change of a key: event.code."""

    ALREADY: Final = "already"
    REFRESHED: Final = "refreshed"
    TOO_OLD: Final = "staged-too-long"


# One sentence each, for the log and bpc-ssh-guard-log(5).
UNUSUAL: Final = {
    Unusual.ALREADY: "it was so already, and nothing is changed",
    Unusual.REFRESHED: "the key was staged already, and gets another day",
    Unusual.TOO_OLD: "the key was never confirmed, and makes room for another",
}


class Rotation:
    """One request, COMMAND, of the rotation key LABEL, KEY_ID: what its records share."""

    __slots__ = ("_by", "_command", "_policy", "session")
    session: Final[Session]

    def __init__(
        self, session: Session, key: tuple[bytes, bytes], command: bytes, policy_sha256: str
    ) -> None:
        self.session = session
        self._by: Final = rotation_members(*key)
        self._command: Final = command
        self._policy: Final = policy_sha256

    def listed(self) -> bytes:
        """Return the line of a list; the rotation key itself is what it is about."""
        return encode([*self.session.opening(Action.KEYS_LISTED), *self._end()])

    def changed(
        self,
        action: str,
        key: tuple[bytes, bytes],
        generation: int = 0,
        until: int = 0,
        code: Optional[str] = None,
    ) -> bytes:
        """Return the line of ACTION on KEY, label and KEYID; it is durable before the change.

        GENERATION is 0 where the file has no such key; UNTIL are the seconds after the epoch to
        which its line lasts, 0 for ever; CODE is one of Unusual.
        """
        members: list[Member] = list(self._by)
        if generation:
            members.append(("bpc.key.generation", generation))
        if until:
            members.append(("bpc.key.expires", timestamp(until * _SECOND)))
        about = self.session.of_key(*key, members)
        unusual = (("event.code", code), ("event.reason", UNUSUAL[code])) if code else ()
        return encode([*about.opening(action), *unusual, *self._end()])

    def _end(self) -> list[Member]:
        return [
            *command_members(self._command),
            ("bpc.purpose", Operation.ROTATE),
            ("bpc.policy.sha256", self._policy),
        ]


def rotation_members(label: bytes, key_id: bytes) -> list[Member]:
    """Return the members that name the rotation key LABEL, KEY_ID in a record about another key."""
    names = ("bpc.rotation.label", "bpc.rotation.id")
    return [(name, text(word, KEY_WORD_LIMIT)) for name, word in zip(names, (label, key_id))]
