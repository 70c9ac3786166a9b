"""What the guard would make of a command: the real parse and decision, and nothing is run."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..command.parse import Command, understand
from ..command.secluded import collect
from ..confine import programs
from ..errors import Refused
from ..policy import window
from ..policy.decide import Plan, decide
from ..policy.model import Confine
from ..vocabulary import FEATURES, REASONS, Feature, Operation, Reason
from . import purposes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..policy.model import Block, Policy

WINDOW = 72  # columns of a long command shown around the caret
RIGHT_OF = {Operation.BACKUP: "Backup", Operation.RESTORE: "Restore"}


@dataclass(frozen=True)
class Explanation:
    """The verdict on one command; `offset` is its first offending byte, or the list's."""

    command: bytes | None
    secluded: bytes | None
    reason: str | None = None
    detail: str = ""
    offset: int | None = None
    in_list: bool = False
    needs: tuple[str, ...] = ()
    understood: Command | None = None
    plan: Plan | None = None
    admit: tuple[str, ...] = ()
    confine: str = ""
    never: tuple[bytes, ...] = ()
    answer: str = ""  # what the guard itself answers, where it runs no program,
    answered: str | None = None  # and the operation that the key is for
    purpose: str = ""  # what a key without a program is for

    @property
    def allowed(self) -> bool:
        return self.plan is not None or bool(self.answer)

    def as_json(self, identifier: object = None) -> dict[str, Any]:
        """Return the answer of `explain --batch`; byte strings by surrogateescape."""
        server = self.understood.server if self.understood else None
        return {
            "id": identifier,
            "verdict": "allow" if self.allowed else "refuse",
            "reason": self.reason,
            "needs": list(self.needs),
            "operation": server.operation if server else self.answered,
            "program": server.program if server else None,
            "argv": [os.fsdecode(word) for word in self.plan.argv] if self.plan else [],
            "paths": [os.fsdecode(path) for path in server.paths] if server else [],
            "detail": self.detail,
            "offset": self.offset,
            "offset_in": "secluded-list" if self.in_list else "command",
            "admit": list(self.admit),
            "confine": self.confine or None,
        }


class Explainer:
    """Explains commands under one policy; what depends on the machine is looked up once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._protections = programs.protections(policy.rsync)

    def explain(self, label: str, command: bytes | None, stdin: bytes) -> Explanation:
        """Say what the guard would do for the key LABEL with COMMAND and STDIN waiting."""
        block = self.policy.blocks.get(os.fsencode(label))
        secluded: list[bytes] = []

        def read_list() -> bytes:
            secluded.append(collect(io.BytesIO(stdin).read))
            return secluded[0]

        understood: Command | None = None
        try:
            if block is None:
                detail = f"the policy has no Key {label}"
                raise Refused(Reason.UNKNOWN_KEY, detail)
            if not command:
                raise Refused(Reason.NO_COMMAND, "the login gets the greeting line and no program")
            if block.operation in purposes.WITHOUT_PROGRAM:
                answer = purposes.answer_of(block, command)
                return Explanation(
                    command, stdin or None, answer=answer, answered=block.operation
                )
            understood = understand(command, read_list)
            grant = window.find_open(self.policy.state, block)
            plan = decide(self.policy, block, understood, self._protections, grant)
        except Refused as refusal:
            return Explanation(
                command, stdin or None, refusal.reason, refusal.detail, refusal.offset,
                refusal.in_list, understood.features if understood else refusal.needs, understood,
                admit=tuple(_admitting(refusal.reason, block, understood)),
                purpose=purposes.purpose_of(block) if block else "",
            )
        return Explanation(
            command, secluded[0] if secluded else None,
            needs=understood.features, understood=understood, plan=plan,
            confine=self.policy.confine, never=block.never,
        )


def batch(explainer: Explainer, lines: Iterable[str]) -> Iterator[str]:
    """Yield a JSON line for each JSON line {"id", "key", "command", "stdin_hex"} of LINES.

    Raises ValueError that names the line for one that is malformed.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            key, command = entry["key"], entry.get("command")
            if not isinstance(key, str) or not isinstance(command, (str, type(None))):
                raise TypeError("key and command are strings")
            stdin = bytes.fromhex(entry.get("stdin_hex") or "")
            raw = None if command is None else command.encode("utf-8", "surrogateescape")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number}: {type(error).__name__}: {error}") from None
        yield json.dumps(explainer.explain(key, raw, stdin).as_json(entry.get("id")))


def _admitting(reason: str, block: Block | None, command: Command | None) -> Iterator[str]:
    """Yield the policy lines that would admit the command, as far as a policy can."""
    if block is None or command is None:
        return
    if reason == Reason.FEATURE_NOT_ACCEPTED:
        missing = [f for f in command.features if f not in block.accept]
        accepted = [f for f in FEATURES if f in block.accept or f in missing]
        yield f"Accept {' '.join(accepted)}"
    elif reason == Reason.TOOL_NOT_ALLOWED:
        yield f"Tools {' '.join((*block.tools, command.server.program))}"
    elif reason == Reason.DELETE_NOT_PERMITTED:
        yield "Delete yes"
    elif reason == Reason.NO_WINDOW:
        yield "Window always"
    elif reason == Reason.OUTSIDE_ROOTS:
        yield f"{RIGHT_OF[block.operation]} {' '.join(_wider(block, command))}"


def _wider(block: Block, command: Command) -> list[str]:
    roots = [quote(root) for root in block.roots]
    paths = [quote(path.rstrip(b"/") or b"/") for path in command.server.paths]
    return list(dict.fromkeys((*roots, *paths)))


def quote(path: bytes) -> str:
    """Return PATH as the policy's language writes it, in double quotes where it has to be."""
    text = path.decode("utf-8", "surrogateescape")
    plain = all(c > " " and c not in '"\\' for c in text) and not text.startswith("#")
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def in_words(explanation: Explanation) -> Iterator[str]:
    """Yield the lines that explain to an admin."""
    if explanation.plan is not None:
        yield from _allowed(explanation.plan)
        yield from _confinement(explanation.confine, explanation.never)
        return
    if explanation.answer:
        yield f"allowed: {explanation.answered}"
        yield f"  answers:  {explanation.answer}"
        yield "  confined: the guard answers by itself and starts no program"
        return
    reason = explanation.reason or ""
    yield f"refused: {reason}: {REASONS[reason]}"
    yield f"  {printable(os.fsencode(explanation.detail))}"
    yield from _caret(explanation)
    if explanation.purpose:
        yield f"  what this key is for: {explanation.purpose}"
    for line in explanation.admit:
        yield f"  this policy line would admit it: {line}"
    if not explanation.admit:
        yield "  no policy line admits it"


def _allowed(plan: Plan) -> Iterator[str]:
    command = plan.command
    server = command.server
    yield f"allowed: {server.program} {server.operation}"
    yield f"  runs:     {' '.join(printable(word) or repr('') for word in plan.argv)}"
    yield f"  within:   {' '.join(printable(root) for root in dict.fromkeys(plan.roots))}"
    if plan.injected:
        yield f"  added:    {' '.join(printable(option) for option in plan.injected)}"
    if command.features:
        yield f"  needs:    {' '.join(command.features)}"
    if Feature.SUDO in command.features:
        yield "  sudo:     dropped; the guard has to run as root itself"
    if plan.nice is not None:
        yield f"  niceness: {plan.nice}"
    if plan.io is not None:
        yield f"  I/O:      class {plan.io[0]}, level {plan.io[1]}"
    if command.secluded is not None:
        yield "  list:     read from standard input, checked, and handed over as plain arguments"


def _confinement(mode: str, never: Iterable[bytes]) -> Iterator[str]:
    if mode == Confine.OFF:
        yield "  confined: by grammar and roots only: the policy says Confine off"
        return
    yield f"  confined: by the kernel, {mode}; bpc-ssh-guardctl doctor shows what that stops here"
    if never:
        yield f"  hidden:   {' '.join(printable(pattern) for pattern in never)}"


def _caret(explanation: Explanation) -> Iterator[str]:
    """Yield the offending piece of the command and a caret below its first offending byte."""
    text = explanation.secluded if explanation.in_list else explanation.command
    if text is None or explanation.offset is None:
        return
    begin = max(0, explanation.offset - WINDOW // 2)
    before = printable(text[begin : explanation.offset])
    after = printable(text[explanation.offset : begin + WINDOW])
    lead = "..." if begin else ""
    where = "list:    " if explanation.in_list else "command: "
    yield f"  {where}{lead}{before}{after}{'...' if begin + WINDOW < len(text) else ''}"
    yield f"  {' ' * (len(where) + len(lead) + len(before))}^ byte {explanation.offset}"


def printable(value: bytes) -> str:
    """Return VALUE as one line of printable characters; anything a terminal obeys is escaped."""
    text = value.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
