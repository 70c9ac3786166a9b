"""Open, list and revoke grants, each step recorded: no more is ever open than the log says.

An opening is recorded before it takes effect and a revocation after it. A run that is killed
between leaves a grant that the log calls open and that is not, never the reverse.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..command.paths import find_fault, is_beneath
from ..command.text import find_control
from ..errors import Refused
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
from ..record.grants import Closed
from ..vocabulary import Operation, is_label
from .grant_store import GrantError, locked_folder, store, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policy.model import Block, Policy

__all__ = [
    "LONGEST", "SHORTEST", "GrantError", "list_grants", "open_grant", "parse_duration", "revoke",
]

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNITS: Final = {"m": _MINUTE, "h": _HOUR, "d": _DAY}
_MAX_DIGITS: Final = 6


def parse_duration(text: str) -> int:
    """Return the seconds that TEXT, a number and m, h or d, stands for; raises GrantError."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not (number.isascii() and number.isdigit()) or len(number) > _MAX_DIGITS:
        raise GrantError(f"{text!a} is no duration; write a number and m, h or d, as in 90m or 2h")
    return int(number) * unit


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
    with store(policy, block.label, make=True) as place:
        clock = _now()
        old = place.read_open(clock)
        grant = Grant(
            os.urandom(IDENTITY_BYTES).hex().encode("ascii"), clock.wall, clock.wall + seconds,
            clock.boot, clock.boottime_ns, chosen, said, os.getuid(),
        )
        place.write_beside(grant)
        try:
            place.record(
                place.session.grant_opened(
                    identity=grant.identity, until=grant.until, paths=chosen or block.roots,
                    reason=said, policy_sha256=policy.sha256,
                )
            )
            place.put_in_place(grant)
        except BaseException:
            place.sweep()
            raise
        if old is not None:
            place.record_closed(Closed.REPLACED, old, done="the grant has replaced another")
    return grant


def list_grants(policy: Policy) -> dict[str, Grant]:
    """Return the open grants by label, sorted; close those that are over. Raises GrantError."""
    found = {}
    with locked_folder(policy) as folder:
        names = [] if folder is None else sorted(os.listdir(folder))
    for name in names:
        if is_label(os.fsencode(name)):  # or it is what a killed run left beside
            with store(policy, os.fsencode(name)) as place:
                grant = place.read_open(_now())
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
    with store(policy, name) as place:
        try:
            grant = place.read()
        except GrantError:  # unreadable: it must be possible to be rid of it all the same
            grant = None
        else:
            grant = place.read_open(_now())
        if not place.remove():
            return False
        place.record_closed(Closed.REVOKED, grant, done="the grant is closed")
    return True


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
        block.label.decode("ascii") for block in policy.blocks.values()
        if block.operation == Operation.RESTORE and block.window == Window.GRANTED
    ]
    return f"choose from {', '.join(labels)}" if labels else "add a block with Restore"


def _require_bounded(seconds: int) -> None:
    if seconds < SHORTEST:
        raise GrantError(f"a grant lasts at least {SHORTEST // _MINUTE} minute; ask for more")
    if seconds > LONGEST:
        raise GrantError(f"a grant lasts at most {LONGEST // _DAY} days; ask for less, then renew")


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


def _now() -> Clock:
    with told():
        return Clock.now()
