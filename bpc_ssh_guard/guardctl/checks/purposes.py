"""Rotation and audit keys of the policy: rights that reach further, or less far, than they seem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...vocabulary import Operation
from .finding import Finding, Severity, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...policy.model import Policy


def check_purposes(policy: Policy) -> Iterator[Finding]:
    """Yield which of these keys work from anywhere, and lines that let no key do anything."""
    blocks = policy.blocks.values()
    rotatable = {label for block in blocks for label in block.rotates}
    for block in blocks:
        place = f"{shown(policy.path)}:{block.line}"
        label = shown(block.label)
        if block.operation == Operation.ROTATE and not block.networks:
            yield Finding(Severity.WARNING, place, f"Key {label} replaces other keys from any"
                          " address", "add From with the address of the backup server")
        if block.operation == Operation.AUDIT and not block.networks:
            yield Finding(Severity.NOTE, place, f"Key {label} hands out the log to any address",
                          "add From with the address of the auditor")
        if block.grants_remote and block.label not in rotatable:
            yield Finding(Severity.WARNING, place, f"Key {label} says Grants remote, but no Rotate"
                          " names it, so no key can open a grant", f"add Rotate {label} to a key,"
                          " or take the line out")
        if block.certificates is not None and block.label not in rotatable:
            yield Finding(Severity.WARNING, place, f"Key {label} says Certificates, but no Rotate"
                          " names it, so no key can replace the authority", f"add Rotate {label} to"
                          " a key, or take the line out")
