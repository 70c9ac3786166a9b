"""Open, list and revoke grants, each step recorded: no more is ever open than the log says.

An opening is recorded before it takes effect and a revocation after it. A run that is killed
between leaves a grant that the log calls open and that is not, never the reverse.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..command.paths import find_fault, is_beneath
from ..command.text import find_control
from ..duration import DAY, MINUTE
from ..errors import Refused
from ..keyagent.barrier import Barrier
from ..policy.grant_store import GrantFolder
from ..policy.model import Window
from ..policy.window import (
    IDENTITY_BYTES,
    LONGEST,
    MAX_REASON,
    SHORTEST,
    Clock,
    Grant,
    require_within,
)
from ..vocabulary import Operation, is_label
from .grant_store import GrantError, session_of, store, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policy.model import Block, Policy

__all__ = [
    "LONGEST", "SHORTEST", "GrantError", "list_grants", "open_grant", "revoke",
]


def open_grant(
    policy: Policy, label: str, seconds: int, paths: Iterable[str] = (), reason: str = ""
) -> Grant:
    """Open a grant for the key LABEL for SECONDS from now; return it.

    It narrows the key's roots to PATHS, where any are given. One that is open is replaced.
    Raises GrantError.
    """
    block = _granted_block(policy, label)
    _require_bounded(seconds)
    chosen, said = _narrowed(block, paths), _plain(reason)
    with told(), Barrier.of(policy, block.label) as barrier:
        with GrantFolder(policy.state, make=True) as folder:
            clock, session = Clock.now(), session_of(block.label)
            grant = Grant(
                os.urandom(IDENTITY_BYTES).hex().encode("ascii"), clock.wall, clock.wall + seconds,
                clock.boot, clock.boottime_ns, chosen, said, os.getuid(),
            )
            opened = session.grant_opened(
                identity=grant.identity, until=grant.until, paths=chosen or block.roots,
                reason=said, policy_sha256=policy.sha256,
            )
            store(folder, policy, session, block.label).open(grant, opened, clock)
        barrier.open_until(grant.until)
    return grant


def list_grants(policy: Policy) -> dict[str, Grant]:
    """Return the open grants by label, sorted; close those that are over. Raises GrantError."""
    found = {}
    with told(), GrantFolder(policy.state) as folder:
        names = [] if folder.descriptor is None else sorted(os.listdir(folder.descriptor))
        for name in names:
            label = os.fsencode(name)
            if is_label(label):  # or it is what a killed run left beside
                grant = store(folder, policy, session_of(label), label).read_open(Clock.now())
                if grant is not None:
                    found[name] = grant
    return found


def revoke(policy: Policy, label: str) -> bool:
    """Close the grant of the key LABEL, whether the policy still has the key or not.

    Return whether there was one, open or unreadable. Raises GrantError.
    """
    name = os.fsencode(label)
    if not is_label(name):
        raise GrantError(f"{label!a} is no key label; bpc-ssh-guardctl grant --list shows them")
    with told(), Barrier.of(policy, name) as barrier:
        with GrantFolder(policy.state) as folder:
            was_open = store(folder, policy, session_of(name), name).revoke(Clock.now())
        if _ends_with_grants(policy, name):
            barrier.close()
    return was_open


def _ends_with_grants(policy: Policy, label: bytes) -> bool:
    """Tell whether the lines of LABEL work under grants only; any other is not to be locked out."""
    block = policy.blocks.get(label)
    return block is None or _takes_grants(block)


def _takes_grants(block: Block) -> bool:
    return block.operation == Operation.RESTORE and block.window == Window.GRANTED


def _granted_block(policy: Policy, label: str) -> Block:
    block = policy.blocks.get(os.fsencode(label))
    if block is None:
        raise GrantError(f"the policy has no Key {label!a}; {_candidates(policy)}")
    place = f"{os.fsdecode(policy.path)}:{block.line}: Key {label}"
    if block.operation != Operation.RESTORE:
        fault = f"is a {block.operation} key, and only restore keys take grants"
        raise GrantError(f"{place} {fault}; {_candidates(policy)}")
    if block.window != Window.GRANTED:
        raise GrantError(f"{place} needs no grant: it says Window always; say Window granted there")
    return block


def _candidates(policy: Policy) -> str:
    labels = [
        block.label.decode("ascii") for block in policy.blocks.values() if _takes_grants(block)
    ]
    return f"choose from {', '.join(labels)}" if labels else "add a block with Restore"


def _require_bounded(seconds: int) -> None:
    if seconds < SHORTEST:
        raise GrantError(f"a grant lasts at least {SHORTEST // MINUTE} minute; ask for more")
    if seconds > LONGEST:
        raise GrantError(f"a grant lasts at most {LONGEST // DAY} days; ask for less, then renew")


def _narrowed(block: Block, paths: Iterable[str]) -> tuple[bytes, ...]:
    """Return PATHS as the roots of a grant, each once; refuse what BLOCK does not hold."""
    chosen = dict.fromkeys(_granted_path(os.fsencode(path), block.roots) for path in paths)
    return tuple(chosen)


def _granted_path(path: bytes, roots: tuple[bytes, ...]) -> bytes:
    """Return PATH in its only spelling; refuse one that would not narrow ROOTS."""
    shown = path.decode("utf-8", "backslashreplace")
    fault = find_fault(path)
    if fault is not None:
        raise GrantError(f"{shown!a}: {fault}; write it as the policy does")
    path = path.rstrip(b"/") or b"/"
    if not any(is_beneath(path, root) for root in roots):
        choice = b", ".join(roots).decode("utf-8", "backslashreplace")
        raise GrantError(f"{shown}: is not below a root of the key; its roots are {choice}")
    try:
        require_within([path], roots)
    except Refused as refusal:
        raise GrantError(refusal.detail) from None
    if not os.path.exists(path):
        raise GrantError(f"{shown}: doesn't exist; make it, or grant the folder above it")
    return path


def _plain(reason: str) -> bytes:
    said = reason.encode("utf-8", "surrogateescape")
    if find_control(said) is not None:
        raise GrantError("the reason holds a control character; write it in one plain line")
    if len(said) > MAX_REASON:
        raise GrantError(f"the reason has more than {MAX_REASON} bytes; shorten it")
    return said
