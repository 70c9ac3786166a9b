"""The policy against the kernel: what confines each key here, and what its Never lines hide."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ...confine import masks, profile
from ...errors import GuardFailure
from ...policy.model import Confine
from ...profiles import profile_of
from ...vocabulary import Operation
from .finding import Finding, Severity, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...policy.model import Block, Policy


def check_confinement(policy: Policy) -> Iterator[Finding]:
    """Yield what the kernel can't hold back here, and patterns that hide less than they seem to."""
    if policy.confine == Confine.OFF:
        yield Finding(Severity.WARNING, shown(policy.path), "Confine off: what the grammar can't"
                      " stop is not stopped", "take the line out; bpc-ssh-guard-threats(7)")
        return
    if os.geteuid() != 0:
        yield Finding(Severity.NOTE, shown(policy.path), "this account is not root: no uid of its"
                      " own, no mount namespace and no masks for what runs", "log in as root")
    for block in policy.blocks.values():
        if block.operation not in (Operation.BACKUP, Operation.RESTORE):
            continue
        place = f"{shown(policy.path)}:{block.line}"
        yield from _check_layers(place, policy, block)
        yield from _check_never(place, block)


def _check_layers(place: str, policy: Policy, block: Block) -> Iterator[Finding]:
    """Yield what strict mode misses for BLOCK, by the same preparation that the guard makes."""
    roots = tuple(root for root in block.roots if os.path.isdir(root))
    try:
        profile.prepare(profile_of(policy, block, policy.rsync, roots, Confine.STRICT))
    except GuardFailure as failure:
        strict = policy.confine == Confine.STRICT
        severity = Severity.ERROR if strict else Severity.WARNING
        what = "every command is refused" if strict else "commands run with less"
        yield Finding(severity, place, f"Key {shown(block.label)}: {what}", failure.detail)


def _check_never(place: str, block: Block) -> Iterator[Finding]:
    for pattern in block.never:
        found = masks.find([pattern], block.roots)
        if not found:
            yield Finding(Severity.NOTE, place, f"Never {shown(pattern)} matches nothing below the"
                          " roots now", "it will hide what comes to match it")
        for path in found:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                yield Finding(Severity.WARNING, place, f"Never hides the single file {shown(path)}:"
                              " one put in its place during a run is read", "name its folder")
