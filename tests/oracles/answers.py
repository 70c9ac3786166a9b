"""The guard's answer to a command: the real parse and decision, the list from bytes in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from bpc_ssh_guard.command.parse import Command, understand
from bpc_ssh_guard.command.secluded import collect
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.policy.decide import Plan, decide
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Policy

PROTECTIONS = (b"--confine-root", b"--drop-D")
POLICY_PATH = b"/etc/bpc-ssh-guard/policy"


class Source:
    """Standard input as bytes in memory; gives pieces of at most `piece` bytes."""

    def __init__(self, data: bytes, piece: int | None = None) -> None:
        self._data = data
        self._place = 0
        self._piece = piece

    def read(self, count: int) -> bytes:
        """Return up to COUNT bytes, b"" at the end."""
        count = count if self._piece is None else min(count, self._piece)
        given = self._data[self._place : self._place + count]
        self._place += len(given)
        return given

    @property
    def rest(self) -> bytes:
        """What nobody has read."""
        return self._data[self._place :]


@dataclass(frozen=True)
class Answer:
    """A plan, or the refusal; `rest` is what was left on standard input."""

    refusal: Refused | None
    command: Command | None
    plan: Plan | None
    rest: bytes

    @property
    def verdict(self) -> str:
        """"allow" or "refuse", as the corpus says it."""
        return "refuse" if self.plan is None else "allow"


@functools.lru_cache(maxsize=256)
def policy_of(text: bytes) -> Policy:
    """Return the policy that TEXT writes."""
    return parse(text, POLICY_PATH)


def answer(
    command: bytes, stdin: bytes, policy: Policy, label: str, piece: int | None = None
) -> Answer:
    """Return the guard's answer to COMMAND under the block LABEL, STDIN in pieces of PIECE."""
    source = Source(stdin, piece)
    understood: Command | None = None
    try:
        understood = understand(command, lambda: collect(source.read))
        plan = decide(policy, policy.blocks[label.encode()], understood, PROTECTIONS)
    except Refused as refusal:
        return Answer(refusal, understood, None, source.rest)
    return Answer(None, understood, plan, source.rest)


def no_list() -> bytes:
    """Stand for a standard input that nobody may read."""
    raise AssertionError("standard input was read for a command without -s")


def refusal_of(call: Callable[..., object], *arguments: object) -> Refused:
    """Return the refusal that CALL with ARGUMENTS must raise."""
    try:
        result = call(*arguments)
    except Refused as refusal:
        return refusal
    raise AssertionError(f"not refused: {repr(result)[:200]}")
