"""The lines of authorized_keys: does each key of the guard get the guard, and nothing else?"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...authorized_keys import ForcedCommand, Line, ManagedLine, Mark, key_id
from ...authorized_keys.authority import (
    AuthorityCommand,
    AuthorityLine,
    authority_id,
    is_for_certificates,
)
from ...policy.model import DEFAULT_PATH
from ...vocabulary import PROGRAM_NAME
from ..authorize import KEYS_PER_LABEL, label_of, networks_of
from .finding import Finding, Severity, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ...policy.model import Block, Policy

_COMPOSE: Final = "have the line composed by bpc-ssh-guardctl authorize"
# What `restrict` takes away and a later option gives back.
_GIVES_BACK: Final = frozenset(
    {b"agent-forwarding", b"port-forwarding", b"pty", b"user-rc", b"x11-forwarding"}
)
_NAMES: Final = (PROGRAM_NAME.encode("ascii"), b"bpc_ssh_guard")


@dataclass(frozen=True)
class Entry:
    """A line and where it stands."""

    path: str
    number: int
    line: Line

    @property
    def place(self) -> str:
        return f"{self.path}:{self.number}"

    @property
    def call(self) -> ForcedCommand | None:
        """How the line calls the guard, or None."""
        return ForcedCommand.from_words(self.line.value(b"command") or b"")

    @property
    def is_live(self) -> bool:
        """Tell whether sshd takes a key from the line."""
        return self.line.blob is not None and self.line.fault is None

    @property
    def is_ours(self) -> bool:
        """Tell whether the line is one of the guard, or was meant to be."""
        command = self.line.value(b"command") or b""
        comment = self.line.comment or b""
        return any(name in command or comment.startswith(name + b":") for name in _NAMES)

    @property
    def is_free(self) -> bool:
        """Tell whether the key may run what it likes, itself or by a certificate that it signs."""
        return not self.line.has(b"command") or self.line.has(b"cert-authority")


def check_lines(entries: Sequence[Entry], policy: Policy | None) -> Iterator[Finding]:
    """Yield what is wrong with ENTRIES, all lines in the order in which sshd reads them."""
    live = [entry for entry in entries if entry.is_live]
    for entry in entries:
        if not entry.is_live and not entry.line.is_blank:
            yield _dead(entry)
        elif entry.is_ours:
            yield from _check_ours(entry, policy)
    yield from _check_same_keys(live)
    yield from _check_labels(live, policy)
    yield from _check_others(live)


def _dead(entry: Entry) -> Finding:
    what = f"sshd passes over the line: {entry.line.fault or 'it finds no whole key there'}"
    if any(name in entry.line.raw for name in _NAMES):
        return Finding(Severity.ERROR, entry.place, what, _COMPOSE)
    return Finding(Severity.WARNING, entry.place, what, "mend it or take it out; see sshd(8)")


def _check_ours(entry: Entry, policy: Policy | None) -> Iterator[Finding]:
    line, call = entry.line, entry.call
    if is_for_certificates(line):
        yield from _check_authority(entry, policy)
        return
    if call is None:
        what = ("its comment is the guard's, but it has no forced command"
                if not line.has(b"command") else
                "its forced command is not PROGRAM [--policy FILE] LABEL KEYID of the guard")
        yield Finding(Severity.ERROR, entry.place, what, _COMPOSE)
        return
    if line.blob is not None and key_id(line.blob) != call.key_id:
        yield Finding(Severity.ERROR, entry.place, f"KEYID {shown(call.key_id)} is not that of the"
                      f" key, {shown(key_id(line.blob))}", _COMPOSE)
    yield from _check_options(entry)
    yield from _check_mark(entry, call)
    if policy is not None:
        yield from _check_policy(entry, call, policy)


def _check_authority(entry: Entry, policy: Policy | None) -> Iterator[Finding]:
    """Yield what is wrong with a line that lets certificates in instead of a key."""
    advice = "take the line that bpc-ssh-keys ca lines prints"
    line = entry.line
    names = [name for name, _ in line.options]
    call = AuthorityCommand.from_words(line.value(b"command") or b"")
    if call is not None and line.blob is not None and authority_id(line.blob) != call.key_id:
        yield Finding(Severity.ERROR, entry.place, f"{shown(call.key_id)} is not the authority of"
                      f" the line, {shown(authority_id(line.blob))}", advice)
    found = AuthorityLine.from_line(line)
    block = policy.blocks.get(found.mark.label) if policy and found else None
    if found and block and block.certificates not in (None, found.host):
        yield Finding(Severity.WARNING, entry.place, f"its certificates name {shown(found.host)},"
                      f" not the host of Certificates at {shown(policy.path if policy else b'')}:"
                      f"{block.line}", "see which name bpc-ssh-keys has for this host")
    for wanted, without in (
        (b"cert-authority", "its key itself would log in, and the guard refuses it"),
        (b"principals", "a certificate for another label or host of the authority lets in"),
        (b"restrict", "its certificates may forward ports and more"),
    ):
        if wanted not in names:
            yield Finding(Severity.ERROR, entry.place, f"{shown(wanted)} is missing: {without}",
                          advice)


def _check_options(entry: Entry) -> Iterator[Finding]:
    names = [name for name, _ in entry.line.options]
    if b"restrict" not in names:
        yield Finding(Severity.ERROR, entry.place, "restrict is missing, so the key may forward"
                      " ports and more", "put restrict before command=")
    else:
        last = len(names) - names[::-1].index(b"restrict")  # it takes away what stands before it
        for name in names[last:]:
            if name in _GIVES_BACK:
                yield Finding(Severity.ERROR, entry.place, f"{shown(name)} gives back what restrict"
                              " takes away", "take it out")
    if b"environment" in names:
        yield Finding(Severity.WARNING, entry.place, "environment= may change what runs before the"
                      " guard", "take it out")
    if b"cert-authority" in names:
        yield Finding(Severity.ERROR, entry.place, "cert-authority lets the key sign others, not"
                      " log in", "take it out")


def _check_mark(entry: Entry, call: ForcedCommand) -> Iterator[Finding]:
    mark = Mark.from_comment(entry.line.comment or b"")
    if mark is None:
        yield Finding(Severity.NOTE, entry.place, "the line was not written by authorize, so it has"
                      " no generation", _COMPOSE)
    elif (mark.label, mark.key_id) != (call.label, call.key_id):
        yield Finding(Severity.WARNING, entry.place, "its comment names another label or KEYID than"
                      " its command", _COMPOSE)
    elif ManagedLine.from_line(entry.line) is None:
        yield Finding(Severity.NOTE, entry.place, "the line was changed after authorize wrote it",
                      _COMPOSE)


def _check_policy(entry: Entry, call: ForcedCommand, policy: Policy) -> Iterator[Finding]:
    path = call.policy or DEFAULT_PATH
    if path != policy.path:
        yield Finding(Severity.NOTE, entry.place, f"the line has the policy {shown(path)}, not"
                      f" {shown(policy.path)}", f"check --policy {shown(path)} tells of it")
        return
    label = shown(call.label)
    block = policy.blocks.get(call.label)
    if block is None:
        yield Finding(Severity.ERROR, entry.place, f"{shown(policy.path)} has no Key {label}, so"
                      " every command is refused", "add the block, or take the line out")
        return
    theirs = _networks((entry.line.value(b"from") or b"").split(b","))
    if theirs != _networks(networks_of(block)):
        at = f"{shown(policy.path)}:{block.line}"
        yield Finding(Severity.WARNING, entry.place, f"from= differs from From of Key {label} at"
                      f" {at}", "take the line out and have it composed anew")


def _networks(texts: Iterable[bytes]) -> frozenset[str]:
    """Return TEXTS in one spelling each; a pattern that is no network stays as it is."""
    found = set()
    for text in texts:
        try:
            found.add(str(ipaddress.ip_network(shown(text))))
        except ValueError:
            found.add(shown(text))
    return frozenset(found - {""})


def _check_same_keys(live: Sequence[Entry]) -> Iterator[Finding]:
    """Yield lines with the key of another: sshd takes the first whose from= matches."""
    by_key: dict[tuple[bytes | None, bytes | None], list[Entry]] = {}
    for entry in live:  # the certificates of one authority are told apart by their principals
        authority = AuthorityLine.from_line(entry.line)
        own = authority.principal if authority else None
        by_key.setdefault((entry.line.blob, own), []).append(entry)
    for same in by_key.values():
        ours = next((entry for entry in same if entry.call), same[0])
        for entry in same:
            if entry is not ours:
                yield _twice(entry, ours)


def _twice(entry: Entry, first: Entry) -> Finding:
    """Return what ENTRY does to the key of FIRST, the guard's line of it if there is one."""
    if not first.call:
        return Finding(Severity.WARNING, entry.place, f"has the key of {first.place} again; sshd"
                       " takes the first whose from= matches", "keep one of the lines")
    if entry.call and entry.call.compose() == first.call.compose():
        return Finding(Severity.WARNING, entry.place, f"has the key and the command of"
                       f" {first.place} again", "keep one of the lines")
    right = "a free login" if entry.is_free else "another label" if entry.call else \
        "another command"
    return Finding(Severity.ERROR, entry.place, f"gives the key of the guard's line {first.place}"
                   f" {right}; sshd takes the first whose from= matches",
                   "take this line out, or make another key")


def _check_labels(live: Sequence[Entry], policy: Policy | None) -> Iterator[Finding]:
    keys: dict[bytes, set[bytes | None]] = {}
    for entry in live:
        label = label_of(entry.line) if entry.call else None
        if label is not None:
            keys.setdefault(label, set()).add(entry.line.blob)
            if len(keys[label]) == KEYS_PER_LABEL + 1:
                yield Finding(Severity.WARNING, entry.place, f"{shown(label)} has more than"
                              f" {KEYS_PER_LABEL} keys", "take out those no longer used")
    for block in policy.blocks.values() if policy else ():
        if block.label not in keys:
            yield _unused(block, policy.path if policy else b"")


def _unused(block: Block, path: bytes) -> Finding:
    label = shown(block.label)
    place = f"{shown(path)}:{block.line}"
    return Finding(Severity.NOTE, place, f"no key has the label {label} yet",
                   f"bpc-ssh-guardctl authorize {label} PUBLIC-KEY --add FILE")


def _check_others(live: Sequence[Entry]) -> Iterator[Finding]:
    """Yield, for each file, which lines of others leave their keys more than the guard would."""
    free: dict[str, list[str]] = {}
    for entry in live:
        if entry.is_free and not entry.is_ours:
            free.setdefault(entry.path, []).append(str(entry.number))
    for path, numbers in free.items():
        lines = f"lines {', '.join(numbers)}: their keys" if numbers[1:] else \
            f"line {numbers[0]}: its key"
        yield Finding(Severity.NOTE, path, f"{lines} may run anything",
                      "see that the backup server has none of them")
