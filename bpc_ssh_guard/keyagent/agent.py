"""One request of a rotation key: understood, decided, recorded, done, answered.

Every request that changes something holds the lock of the keys file meanwhile, and is in the log
before anything changes: what can't be recorded is not done.
"""

from __future__ import annotations

import os
import stat
import time

from .. import exits
from ..authorized_keys.file import KeysFile
from ..policy import limits, window
from ..policy.window import Clock
from ..record.event import Action
from ..record.keys import Rotation, Unusual
from . import answer, confinement, proofs, verbs
from .authorities import AuthorityRing
from .granting import Granting
from .greeting import keys_path
from .ring import Ring
from .verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Optional

    from ..policy.model import Block, Policy
    from ..record.event import Session
    from .entry import Change
    from .verbs import Request

    # Writes a line to the log, or raises GuardFailure.
    Record = Callable[[bytes], None]

_ACTIONS: Final = {
    Verb.STAGE: Action.KEY_STAGED,
    Verb.CONFIRM: Action.KEY_CONFIRMED,
    Verb.DROP: Action.KEY_DROPPED,
    Verb.RETIRE: Action.KEY_RETIRED,
}
_DONE: Final = {
    Verb.STAGE: "staged", Verb.CONFIRM: "confirmed", Verb.DROP: "dropped", Verb.RETIRE: "retired",
}


class Rotator:
    """A login by the rotation KEY, label and KEYID; RECORD writes to the guard's log."""

    __slots__ = ("_block", "_key", "_policy", "_record", "_session")

    def __init__(
        self, session: Session, policy: Policy, block: Block, key_id: bytes, record: Record
    ) -> None:
        self._session: Final = session
        self._policy: Final = policy
        self._block: Final = block
        self._key: Final = (block.label, key_id)
        self._record: Final = record

    def serve(self, command: bytes) -> int:
        """Do what COMMAND asks for and answer; return the exit status.

        Raises Refused and GuardFailure; then nothing is changed that the log does not say.
        """
        request = verbs.parse(command)
        slot = limits.take_slot(self._policy.state, self._block.label, self._block.max_sessions)
        try:
            confinement.shrink(self._policy, keys_path(self._policy))
            answer.send(self._serve(request, command))
        finally:
            os.close(slot)
        return exits.YES

    def _serve(self, request: Request, command: bytes) -> bytes:
        rotation = Rotation(self._session, self._key, command, self._policy.sha256)
        if request.verb == Verb.LIST:
            return self._list(rotation)
        if request.verb in (Verb.GRANT, Verb.UNGRANT):
            granting = Granting(self._policy, self._block, self._session, self._key, self._record)
            return granting.serve(request)
        with KeysFile.locked(keys_path(self._policy)) as file:
            return self._change(request, rotation, file)

    def _list(self, rotation: Rotation) -> bytes:
        with KeysFile.opened(keys_path(self._policy)) as file:
            ring, authorities, clock = self._ring(file), self._authorities(file), Clock.now()
            grants = [(label, window.read(self._policy.state, label)) for label in
                      self._block.rotates]
            opened = [(label, g) for label, g in grants if g is not None and g.is_open(clock)]
            self._record(rotation.listed())
            mode = stat.S_IMODE(file.status.st_mode) if file.status else 0
            return answer.listed(ring, authorities, mode, opened)

    def _ring(self, file: KeysFile) -> Ring:
        return Ring(file.lines, self._policy, self._key, self._find_proof, int(time.time()))

    def _authorities(self, file: KeysFile) -> AuthorityRing:
        return AuthorityRing(
            file.lines, self._policy, self._key, self._find_proof, int(time.time())
        )

    def _find_proof(self, name: bytes) -> Optional[proofs.Proof]:
        return proofs.read(self._policy.state, name)

    def _change(self, request: Request, rotation: Rotation, file: KeysFile) -> bytes:
        """Make the change that REQUEST asks of the locked FILE; what was so already is no error."""
        ring = self._authorities(file) if request.is_of_authority else self._ring(file)
        change = _decide(ring, request)
        key, action = (request.label, request.key_id), _ACTIONS[request.verb]
        code = _code(request, change)
        for old in change.dropped:
            about = (old.label, old.key_id)
            line = rotation.changed(
                Action.KEY_DROPPED, about, old.generation, old.until, Unusual.TOO_OLD
            )
            self._record(line)
        self._record(rotation.changed(action, key, change.generation, change.until, code))
        if change.added is not None:  # what another life of the key has left proves nothing now
            self._forget_proof(*key)
        if not change.is_none:
            file.put(change.lines, change.added)
        if request.verb in (Verb.DROP, Verb.RETIRE):
            self._forget_proof(*key)
        for old in change.dropped:
            self._forget_proof(old.label, old.key_id)
        return _answer(request, change, code)

    def _forget_proof(self, label: bytes, key_id: bytes) -> None:
        proofs.remove(self._policy.state, proofs.name_of(label, key_id))


def _decide(ring: Ring, request: Request) -> Change:
    if request.verb == Verb.STAGE:
        return ring.stage(request)
    if request.verb == Verb.CONFIRM:
        return ring.confirm(request)
    return ring.drop(request) if request.verb == Verb.DROP else ring.retire(request)


def _code(request: Request, change: Change) -> Optional[str]:
    if change.is_none:
        return Unusual.ALREADY
    return Unusual.REFRESHED if request.verb == Verb.STAGE and change.entry else None


def _answer(request: Request, change: Change, code: Optional[str]) -> bytes:
    """Return the answer that CHANGE, recorded with CODE, is made or was so already."""
    result = code or _DONE[request.verb]
    return answer.done(
        (
            ("result", result),
            ("label", request.label.decode("ascii")),
            ("key", request.key_id.decode("ascii")),
            ("gen", change.generation or None),
            ("until", change.until or None),
        )
    )
