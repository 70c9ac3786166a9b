"""The events of a grant as lines of the command log: opened and closed, by whom, until when."""

from __future__ import annotations

import os

from .event import REASON_LIMIT, Action, Session, timestamp
from .keys import rotation_members
from .line import encode, text, texts
from .origin import KEY_WORD_LIMIT, caller_members, machine_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Optional

    from .line import Member

_SECOND: Final = 1_000_000_000


class Closed:
    """Why a grant is over: event.code of a grant-closed."""

    EXPIRED: Final = "expired"
    REVOKED: Final = "revoked"
    REPLACED: Final = "replaced"
    NOT_STORED: Final = "not-stored"


# One sentence each, for the log and bpc-ssh-guard-log(5).
CLOSED: Final = {
    Closed.EXPIRED: "the time of the grant is over",
    Closed.REVOKED: "the grant was revoked before its end",
    Closed.REPLACED: "another grant for the same key has taken its place",
    Closed.NOT_STORED: "the grant was recorded, and then could not be stored: it never opened",
}


class Administration(Session):
    """One run that changes the grant of the key LABEL: of bpc-ssh-guardctl, or of a login."""

    __slots__ = ()

    @classmethod
    def begin(cls, label: bytes, sudo_user: Optional[bytes] = None) -> Administration:
        """Return the session of this process, run by its real uid.

        SUDO_USER is what the variable of this name says, which anybody can set.
        """
        caller = caller_members(None)
        if sudo_user is not None:
            caller.append(("bpc.grant.sudo_user", text(sudo_user, KEY_WORD_LIMIT)))
        key: list[Member] = [("bpc.key.label", text(label, KEY_WORD_LIMIT))]
        return cls(os.urandom(16).hex(), machine_members(), caller, key)

    @classmethod
    def by_rotation(cls, login: Session, label: bytes, key: tuple[bytes, bytes]) -> Administration:
        """Return the session of LOGIN by the rotation KEY, label and KEYID, about LABEL's grant."""
        named: list[Member] = [("bpc.key.label", text(label, KEY_WORD_LIMIT))]
        key_members = [*named, *rotation_members(*key)]
        return cls(login.entity_id, login._machine, login._caller, key_members)

    def grant_opened(
        self,
        *,
        identity: bytes,
        until: int,
        paths: Sequence[bytes],
        reason: bytes,
        policy_sha256: str,
    ) -> bytes:
        """Return the line that opens the grant IDENTITY of PATHS; it is durable before it opens."""
        return encode(
            [
                *self.opening(Action.GRANT_OPENED),
                *_grant(identity, until),
                ("bpc.grant.paths", texts(paths)),
                *([("event.reason", text(reason, REASON_LIMIT))] if reason else ()),
                ("bpc.policy.sha256", policy_sha256),
            ]
        )

    def grant_closed(
        self, *, code: str, identity: Optional[bytes] = None, until: int = 0
    ) -> bytes:
        """Return the line that closes the grant IDENTITY; None for one that can't be read."""
        return encode(
            [
                *self.opening(Action.GRANT_CLOSED),
                *(() if identity is None else _grant(identity, until)),
                ("event.code", code),
                ("event.reason", CLOSED[code]),
            ]
        )


def _grant(identity: bytes, until: int) -> list[Member]:
    return [
        ("bpc.grant.id", text(identity, KEY_WORD_LIMIT)),
        ("bpc.grant.until", timestamp(until * _SECOND)),
    ]
