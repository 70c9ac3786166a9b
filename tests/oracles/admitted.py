"""What no input may bring about: a planned vector that the key's policy does not admit."""

from __future__ import annotations

from dataclasses import dataclass

from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Policy
from bpc_ssh_guard.vocabulary import FEATURES

from . import language
from .answers import POLICY_PATH, Answer, answer
from .corpus import BACKUP_ROOTS, RESTORE_ROOTS


@dataclass(frozen=True)
class Rules:
    """One key: its policy as the guard reads it, and its right in the README's words."""

    policy: Policy
    right: language.Right
    label: str


def _rules(operation: str, accept: frozenset[str], delete: bool) -> Rules:
    roots = BACKUP_ROOTS if operation == "backup" else RESTORE_ROOTS
    lines = [
        "Key k",
        f"{operation.capitalize()} {' '.join(root.decode() for root in roots)}",
        f"Accept {' '.join(sorted(accept))}" if accept else "",
    ]
    if operation == "restore":
        lines += ["Window always", f"Delete {'yes' if delete else 'no'}"]
    text = "\n".join(lines).encode("ascii")
    return Rules(
        parse(text, POLICY_PATH), language.Right(operation, roots, accept, delete), "k"
    )


KEYS = tuple(
    _rules(operation, accept, bool(accept))
    for operation in ("backup", "restore")
    for accept in (frozenset[str](), frozenset(FEATURES) - {"whole-system"})
)


def require_admitted(command: bytes, stdin: bytes, piece: int | None = None) -> list[Answer]:
    """Return the answers to COMMAND; raises AssertionError for a plan that no policy admits.

    Any exception that is not a refusal comes through.
    """
    found = []
    for rules in KEYS:
        each = answer(command, stdin, rules.policy, rules.label, piece)
        if each.plan is not None:
            wrong = language.complaints(each.plan.argv, rules.right)
            if wrong:
                raise AssertionError(f"{command!r} {stdin!r}: {each.plan.argv!r}: {wrong}")
        elif each.refusal is not None and each.refusal.offset is not None:
            text = stdin if each.refusal.in_list else command
            if not 0 <= each.refusal.offset <= len(text):
                raise AssertionError(f"{command!r} {stdin!r}: offset {each.refusal.offset}")
        found.append(each)
    return found
