"""The command log for its admin: begin it, see how it stands, vouch for it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .. import state as state_folder
from ..errors import GuardFailure
from ..record import begin, notes, reserve, segment
from ..record.held import STATE
from ..record.logs import checkpoint_served
from ..record.seal import NONCE_BYTES
from ..record.sink import Sink
from ..record.syslog_copy import send_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policy.model import Policy
    from ..record.begin import Begun
    from ..record.block import Block
    from ..record.sink import Checkpoint

_STATE_FILES: Final = (STATE, notes.NAME, reserve.NAME)


class LogError(Exception):
    """The log was not begun, read or vouched for; the text says why and what to do."""


@dataclass(frozen=True)
class Status:
    """How the log stands: its chain, the next record's number, the active segment, the reserve."""

    chain: str
    sequence: int
    segment: str
    size: int
    segments: int
    reserve: bool
    debts: tuple[str, ...]
    trouble: str

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left for the next record to make good."""
        return self.reserve and not self.debts and not self.trouble

    def as_json(self) -> dict[str, object]:
        """Return it for --json."""
        return {
            "chain": self.chain, "sequence": self.sequence, "segment": self.segment,
            "size": self.size, "segments": self.segments, "reserve": self.reserve,
            "debts": list(self.debts), "trouble": self.trouble,
        }


def begin_log(policy: Policy, rekey: bool = False) -> Begun:
    """Begin the log of POLICY and return its chain with K_0, which is nowhere else.

    REKEY moves the log that is there aside, within its folders. Raises LogError.
    """
    try:
        if rekey:
            _move_aside(policy)
        return begin.begin(policy.log, policy.state)
    except GuardFailure as failure:
        raise LogError(failure.detail) from None


def plan(policy: Policy, rekey: bool = False) -> list[str]:
    """Return in words what `begin_log` would do, and do none of it; raises LogError."""
    said = []
    if rekey:
        said = [f"move aside {os.fsdecode(path)}" for path in _present(policy)]
    else:
        try:
            begin.require_no_log(policy.log, policy.state)
        except GuardFailure as failure:
            raise LogError(failure.detail) from None
    log, state = os.fsdecode(policy.log), os.fsdecode(policy.state)
    return [*said, f"begin a log in {log} with its state in {state}"]


def _present(policy: Policy) -> list[bytes]:
    """Return the files of the log that is there."""
    segments = os.listdir(policy.log) if os.path.isdir(policy.log) else []
    found = [os.path.join(policy.log, each) for each in sorted(segments)
             if segment.first_of(each) >= 0]
    states = [os.path.join(policy.state, each) for each in _STATE_FILES]
    return found + [path for path in states if os.path.lexists(path)]


def status(policy: Policy) -> Status:
    """Return how the log of POLICY stands; raises LogError where it can't be written."""
    try:
        sink = Sink.open(policy.log, policy.state)
        try:
            block = sink.inspect()
        finally:
            sink.close()
        folder = state_folder.open_folder(policy.state)
    except GuardFailure as failure:
        raise LogError(failure.detail) from None
    try:
        whole, debts = reserve.is_whole(folder), tuple(notes.Notes.read(folder).debts)
    finally:
        os.close(folder)
    names = [name for name in os.listdir(policy.log) if segment.first_of(name) >= 0]
    return Status(
        block.chain.hex(), block.sequence, segment.name_of(block.first).decode("ascii"),
        block.size, len(names), whole, debts, _trouble(policy, block),
    )


def _trouble(policy: Policy, block: Block) -> str:
    """Return in what the active segment differs from the state; the next record tells it too."""
    try:
        found = os.stat(os.path.join(policy.log, segment.name_of(block.first))).st_size
    except FileNotFoundError:
        return "the segment is gone"
    if found == block.size:
        return ""
    more = found > block.size
    return f"the segment has {abs(found - block.size)} bytes {'more' if more else 'less'}"


def checkpoint(policy: Policy, nonce: str) -> Checkpoint:
    """Return a checkpoint of the log for NONCE, 32 to 64 hex digits; it is recorded."""
    try:
        challenge = bytes.fromhex(nonce)
    except ValueError:
        challenge = b""
    least, most = NONCE_BYTES
    if not least <= len(challenge) <= most:
        raise LogError(f"--nonce takes {2 * least} to {2 * most} hex digits")
    try:
        sink = Sink.open(policy.log, policy.state)
        try:
            point = sink.checkpoint(checkpoint_served(challenge), challenge)
        finally:
            sink.close()
    except GuardFailure as failure:
        raise LogError(failure.detail) from None
    for line in point.lines:
        send_copy(line)
    return point


def _move_aside(policy: Policy) -> None:
    """Move segments and state into a folder of their own, below where they are."""
    name = time.strftime("rekeyed-%Y%m%dT%H%M%SZ", time.gmtime()).encode("ascii")
    segments = [each for each in os.listdir(policy.log) if segment.first_of(each) >= 0]
    folder = state_folder.open_folder(policy.state, make=True)
    os.close(folder)
    present = [each for each in _STATE_FILES if os.path.lexists(os.path.join(policy.state, each))]
    lock = -1
    if STATE in present:  # no guard writes while its log moves; one that waits finds it moved
        lock = os.open(os.path.join(policy.state, STATE), os.O_RDWR | os.O_NOFOLLOW)
    try:
        if lock >= 0:
            state_folder.lock(lock, state_folder.LOCK_SECONDS)
        for above, names, mode in ((policy.state, present, 0o700), (policy.log, segments, 0o750)):
            if names:
                _move(names, above, os.path.join(above, name), mode)
    except TimeoutError as error:
        path = os.fsdecode(os.path.join(policy.state, STATE))
        raise LogError(f"{path}: {error.strerror}; end the process that holds it") from None
    finally:
        if lock >= 0:
            os.close(lock)


def _move(names: Iterable[bytes], above: bytes, aside: bytes, mode: int) -> None:
    os.mkdir(aside, mode)
    os.chown(aside, -1, os.stat(above).st_gid)
    for each in names:
        os.rename(os.path.join(above, each), os.path.join(aside, each))
