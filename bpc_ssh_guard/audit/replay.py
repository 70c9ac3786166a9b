"""Replay: what the commands of a log would have got under another policy, by the real decision.

A command is taken back from its record and held against the hash that the guard wrote of it: one
that was too long for the record, or is not what was hashed, is counted and not guessed at.
"""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Optional

from ..command.parse import understand
from ..errors import Refused
from ..policy import addresses
from ..policy.decide import decide
from ..policy.window import SHORTEST, Grant
from ..vocabulary import FAILURES, Operation, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policy.model import Block, Policy

    Record = dict[str, Any]

# What no policy decides: the machine's state then, or who logged in.
_NOT_DECIDED: Final = frozenset(
    {*FAILURES, Reason.BUSY, Reason.NO_SPACE, Reason.NO_WINDOW, Reason.KEY_MISMATCH,
     Reason.NOT_ROOT, Reason.POPT_ALIAS}
)
ALLOWED: Final = "allowed"
_LIST_NAME: Final = b"rsync"  # what rsync sends before the list's arguments (send_protected_args)
# The time of a restore's grant is not the policy's: each is replayed as if one were open.
_OPEN_GRANT: Final = Grant(b"0" * 32, 0, SHORTEST, b"", 0)


@dataclass
class Change:
    """Commands of a key that get another answer: how many, and the first of them."""

    label: str
    before: str  # "allowed" or the reason
    after: str
    count: int = 0
    example: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return dict(vars(self))


@dataclass
class Replayed:
    """What a replay came to; `lost` commands could not be taken back from their records."""

    same: int = 0
    lost: int = 0
    undecided: int = 0  # decided by the machine's state and not by a policy
    changes: dict[tuple[str, str, str], Change] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "same": self.same, "lost": self.lost, "undecided": self.undecided,
            "changes": [change.as_json() for change in self.changes.values()],
        }


class NotReplayable(Exception):
    """The record does not hold the command as it was."""


def replay(records: Iterable[Record], policy: Policy) -> Replayed:
    """Return what the commands of RECORDS would get under POLICY, compared with what they got."""
    found = Replayed()
    for record in records:
        action = record.get("event.action")
        if action not in ("command-started", "command-denied") or record.get("bpc.op") == "export":
            continue
        before = ALLOWED if action == "command-started" else str(record.get("event.code"))
        if before in _NOT_DECIDED:
            found.undecided += 1
            continue
        try:
            after, detail = answer(record, policy)
        except NotReplayable:
            found.lost += 1
            continue
        if after == before:
            found.same += 1
            continue
        label = str(record.get("bpc.key.label"))
        change = found.changes.setdefault(
            (label, before, after),
            Change(label, before, after, 0, str(record.get("process.command_line")), detail),
        )
        change.count += 1
    return found


def answer(record: Record, policy: Policy) -> tuple[str, str]:
    """Return what the command of RECORD gets under POLICY, "allowed" or a reason, with its detail.

    Raises NotReplayable.
    """
    command = _command(record)
    try:
        block = _block(record, policy)
        understood = understand(command, lambda: _secluded(record))
        decide(policy, block, understood, (), _OPEN_GRANT)
    except Refused as refusal:
        return refusal.reason, refusal.detail
    return ALLOWED, ""


def _block(record: Record, policy: Policy) -> Block:
    label = str(record.get("bpc.key.label"))
    block = policy.blocks.get(label.encode("utf-8", "replace"))
    if block is None:
        raise Refused(Reason.UNKNOWN_KEY, f"the policy has no Key {label}")
    peer = record.get("source.ip")
    if block.networks and not addresses.admits(block.networks, peer):
        raise Refused(Reason.WRONG_ADDRESS, f"From does not list {peer}")
    if block.operation not in (Operation.BACKUP, Operation.RESTORE):
        raise Refused(Reason.WRONG_OPERATION, f"the key is for {block.operation}")
    return block


def _command(record: Record) -> bytes:
    """Return the original command of RECORD, none for a login without one."""
    text, coded = record.get("process.command_line"), record.get("bpc.command.base64")
    if not isinstance(text, str):
        raise NotReplayable
    try:
        command = binascii.a2b_base64(coded) if coded else text.encode("utf-8")
    except (ValueError, TypeError, UnicodeEncodeError):
        raise NotReplayable from None
    return _as_hashed(command, record.get("bpc.command.sha256"))


def _secluded(record: Record) -> bytes:
    """Return the list that rsync sent on standard input, as it was."""
    arguments = record.get("bpc.secluded.args")
    if not isinstance(arguments, list) or record.get("bpc.secluded.count") != len(arguments):
        raise NotReplayable
    try:
        words = [str(word).encode("utf-8") for word in arguments]
    except UnicodeEncodeError:
        raise NotReplayable from None
    raw = b"".join(word + b"\0" for word in (_LIST_NAME, *words, b""))
    return _as_hashed(raw, record.get("bpc.secluded.sha256"))


def _as_hashed(data: bytes, sha256: Optional[object]) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise NotReplayable
    return data
