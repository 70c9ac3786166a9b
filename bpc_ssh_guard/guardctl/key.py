"""What a rotation key may ask for, asked on the client itself: same grammar, rules and records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Optional

from .. import exits
from ..authorized_keys import ManagedLine
from ..authorized_keys.file import KeysFile
from ..errors import GuardFailure, Refused
from ..keyagent import answer
from ..keyagent.agent import Rotator
from ..keyagent.greeting import keys_path
from ..keyagent.verbs import PROTOCOL
from ..policy.model import DEFAULT_PATH
from ..record.event import Session
from ..record.origin import caller_members, key_members, machine_members
from ..record.sink import Kind, Sink
from ..record.syslog_copy import send_copy
from ..vocabulary import FAILURES, Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..policy.model import Block, Policy

__all__ = ["Outcome", "RotationError", "ask"]


class RotationError(Exception):
    """Nobody could be asked; the text says what is wrong and what to do."""


class Outcome:
    """How a request ended: the exit `status`, and in words why it was not done, or nothing."""

    __slots__ = ("status", "words")

    def __init__(self, status: int, words: str = "") -> None:
        self.status: Final = status
        self.words: Final = words


def ask(policy: Policy, label: str, words: Sequence[str]) -> Outcome:
    """Do what WORDS ask of the rotation key LABEL; write the answer, JSON, to standard output.

    Once in a process: it gives up what the request doesn't need, for good. `From` doesn't count, as
    nobody logs in, and no record says an address. Raises RotationError, and GuardFailure before
    there is anything to answer.
    """
    block = _rotation_block(policy, label)
    key_id = _key_of(policy, block)
    sink = Sink.open(policy.log, policy.state)
    sink.policy = policy.path, policy.sha256
    try:
        return _Request(policy, block, key_id, sink).serve(PROTOCOL + os.fsencode(" ".join(words)))
    finally:
        sink.close()


class _Request:
    """One request in the name of the rotation key of BLOCK, KEY_ID, with its records to SINK."""

    def __init__(self, policy: Policy, block: Block, key_id: bytes, sink: Sink) -> None:
        self._policy: Final = policy
        self._block: Final = block
        self._key_id: Final = key_id
        self._sink: Final = sink
        # Not from the environment: SSH_CONNECTION is of the admin's login, not of the key's.
        self._session: Final = Session(
            os.urandom(16).hex(), machine_members(), caller_members(None),
            key_members(block.label, key_id),
        )

    def serve(self, command: bytes) -> Outcome:
        """Do what COMMAND asks for; whatever comes of it is recorded and answered."""
        rotator = Rotator(self._session, self._policy, self._block, self._key_id, self._record)
        try:
            rotator.serve(command)
        except Refused as refusal:
            return self._answer_no(command, refusal.reason, refusal.detail, refusal.offset)
        except GuardFailure as failure:
            return self._answer_no(command, failure.reason, failure.detail)
        return Outcome(exits.YES)

    def _answer_no(
        self, command: bytes, reason: str, detail: str, offset: Optional[int] = None
    ) -> Outcome:
        line = self._session.denied(
            reason=reason, detail=detail, offset=offset, command=command,
            purpose=self._block.operation, policy_sha256=self._policy.sha256,
        )
        try:
            self._record(line, Kind.REFUSAL)
        except GuardFailure as failure:
            send_copy(line)
            reason, detail = failure.reason, failure.detail
        answer.send(answer.refusal(reason, detail))
        if reason in FAILURES:
            return Outcome(exits.COULD_NOT_RUN, f"failed ({reason}): {detail}")
        return Outcome(exits.NO, f"refused ({reason}): {detail}")

    def _record(self, line: bytes, kind: str = Kind.OTHER) -> None:
        key = self._block.label.decode("ascii"), self._key_id.decode("ascii")
        for each in self._sink.append(line, kind, key):
            send_copy(each)


def _rotation_block(policy: Policy, label: str) -> Block:
    """Return the block of LABEL, which says Rotate."""
    rotating = [b.label.decode("ascii") for b in policy.blocks.values()
                if b.operation == Operation.ROTATE]
    what_to_do = f"choose from {', '.join(rotating)}" if rotating else "add a block with Rotate"
    path = os.fsdecode(policy.path)
    block = policy.blocks.get(os.fsencode(label))
    if block is None:
        raise RotationError(f"{path}: has no Key {label!a}; {what_to_do}")
    if block.operation != Operation.ROTATE:
        said = block.operation.capitalize()
        raise RotationError(f"{path}:{block.line}: Key {label} says {said}, not Rotate;"
                            f" {what_to_do}")
    return block


def _key_of(policy: Policy, block: Block) -> bytes:
    """Return the KEYID of BLOCK's key, the one of the highest generation of those confirmed."""
    path = keys_path(policy)
    with KeysFile.opened(path) as file:
        lines = [managed for managed in map(ManagedLine.from_line, file.lines)
                 if managed is not None and _is_of(managed, policy, block)]
    if not lines:
        label = block.label.decode("ascii")
        raise RotationError(f"{path}: has no line of Key {label}; add one with bpc-ssh-guardctl"
                            f" authorize {label} PUBLIC-KEY --add {path}")
    return max(lines, key=lambda line: line.mark.generation).mark.key_id


def _is_of(line: ManagedLine, policy: Policy, block: Block) -> bool:
    same_policy = (line.command.policy or DEFAULT_PATH) == policy.path
    return line.mark.label == block.label and not line.mark.staged and same_policy
