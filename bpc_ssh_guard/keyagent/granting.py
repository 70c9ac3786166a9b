"""Grants by a rotation key: opened where the policy lets it, closed always."""

from __future__ import annotations

import os

from ..errors import Refused
from ..policy import window
from ..policy.grant_store import GrantFolder, GrantStore
from ..policy.window import Clock, Grant
from ..record.grants import Administration
from ..vocabulary import Reason
from . import answer
from .barrier import Barrier
from .verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ..policy.model import Block, Policy
    from ..record.event import Session
    from .verbs import Request

LONGEST: Final = 24 * 60 * 60  # seconds; a longer grant is the client's admin's to open


class Granting:
    """The grants of what the rotation KEY of BLOCK rotates; RECORD writes to the guard's log."""

    __slots__ = ("_block", "_key", "_policy", "_record", "_session")

    def __init__(
        self,
        policy: Policy,
        block: Block,
        session: Session,
        key: tuple[bytes, bytes],
        record: Callable[[bytes], None],
    ) -> None:
        self._policy: Final = policy
        self._block: Final = block
        self._session: Final = session
        self._key: Final = key
        self._record: Final = record

    def serve(self, request: Request) -> bytes:
        """Do REQUEST and return the answer; raises Refused and GuardFailure."""
        label = request.label
        if label not in self._block.rotates:
            raise Refused(Reason.NOT_ROTATABLE, f"Rotate does not list {label.decode('ascii')}")
        session = Administration.by_rotation(self._session, label, self._key)
        if request.verb == Verb.UNGRANT:
            return self._close(label, session)
        block = self._policy.blocks[label]
        if not block.grants_remote:
            shown = label.decode("ascii")
            detail = f"Key {shown} has no Grants remote: bpc-ssh-guardctl grant {shown} opens one"
            raise Refused(Reason.NOT_ROTATABLE, f"{detail} on the client")
        if not window.SHORTEST <= request.seconds <= LONGEST:
            detail = f"a grant lasts {window.SHORTEST} to {LONGEST} seconds"
            raise Refused(Reason.BAD_OPERAND, detail)
        return self._open(block, session, request.seconds)

    def _open(self, block: Block, session: Administration, seconds: int) -> bytes:
        """Open a grant from now on; one that is open is replaced."""
        with Barrier.of(self._policy, block.label) as barrier:
            with GrantFolder(self._policy.state, make=True) as folder:
                clock = Clock.now()
                grant = Grant(
                    os.urandom(window.IDENTITY_BYTES).hex().encode("ascii"), clock.wall,
                    clock.wall + seconds, clock.boot, clock.boottime_ns, opener=os.getuid(),
                )
                opened = session.grant_opened(
                    identity=grant.identity, until=grant.until, paths=block.roots, reason=b"",
                    policy_sha256=self._policy.sha256,
                )
                store = GrantStore(folder, block.label, session, self._record)
                store.open(grant, opened, clock)
            barrier.open_until(grant.until)
        return answer.done(
            (
                ("result", "granted"),
                ("label", block.label.decode("ascii")),
                ("id", grant.identity.decode("ascii")),
                ("until", grant.until),
            )
        )

    def _close(self, label: bytes, session: Administration) -> bytes:
        """Close the grant; as this narrows, what can't be recorded is done all the same."""
        with Barrier.of(self._policy, label) as barrier:
            with GrantFolder(self._policy.state) as folder:
                store = GrantStore(folder, label, session, self._record)
                was_open = store.revoke(Clock.now())
            if was_open:
                barrier.close()
        result = "ungranted" if was_open else "already"
        return answer.done((("result", result), ("label", label.decode("ascii"))))
