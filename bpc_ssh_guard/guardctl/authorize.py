"""Compose the line that lets one key call the guard, and add it to an authorized_keys file."""

from __future__ import annotations

import difflib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ..authorized_keys import (
    KEY_TYPES,
    ForcedCommand,
    Line,
    ManagedLine,
    Mark,
    Uncomposable,
    fingerprint,
    key_id,
    parse_file,
)
from ..authorized_keys.file import KeysFile
from ..errors import GuardFailure
from ..policy import addresses
from ..policy.model import DEFAULT_PATH

if TYPE_CHECKING:
    from ..policy.model import Block, Policy

__all__ = [
    "DEFAULT_PROGRAM", "Authorization", "AuthorizeError", "PublicKey", "authorize", "label_of",
    "networks_of", "read_key",
]

DEFAULT_PROGRAM: Final = "/usr/sbin/bpc-ssh-guard"
KEYS_PER_LABEL: Final = 2  # the one in use, and its successor until that has logged in

_MAX_KEY_FILE: Final = 64 * 1024  # an RSA key of 16384 bits has 3 kB


class AuthorizeError(Exception):
    """The line was not composed or not written; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class PublicKey:
    """A key as its .pub file holds it, without options and comment."""

    key_type: bytes
    blob: bytes

    @property
    def key_id(self) -> str:
        return key_id(self.blob).decode("ascii")

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)


@dataclass(frozen=True)
class Authorization:
    """A composed line; with a `path`, its `number` there and what became or would become of it.

    Where nothing changes, `line` is the one that is there, and `there` says whose it is.
    """

    line: str
    path: Optional[str] = None
    number: Optional[int] = None
    changed: bool = False
    diff: str = ""
    there: str = ""

    @property
    def shown(self) -> str:
        """What to tell the admin: the line, the diff of a dry run, or where the line stands."""
        if self.path is None:
            return self.line
        if not self.changed:
            return f"{self.path}:{self.number}: {self.there} already; nothing is to do"
        return self.diff or f"{self.path}:{self.number}: added {self.line.rpartition(' ')[2]}"


def read_key(source: str) -> PublicKey:
    """Return the one public key in the file SOURCE, or in standard input if that is `-`."""
    place = "<stdin>" if source == "-" else source
    if source == "-":
        data = sys.stdin.buffer.read(_MAX_KEY_FILE + 1)
    else:
        with open(source, "rb") as file:
            data = file.read(_MAX_KEY_FILE + 1)
    if b"PRIVATE KEY-----" in data:
        raise AuthorizeError(f"{place}: is a private key; keep it secret and name the .pub file")
    if len(data) > _MAX_KEY_FILE:
        raise AuthorizeError(f"{place}: is too long for a public key; name the .pub file")
    lines = [(n, line) for n, line in enumerate(parse_file(data), 1) if not line.is_blank]
    if len(lines) != 1:
        raise AuthorizeError(f"{place}: holds {len(lines)} lines, not one key; name the .pub file"
                             " as ssh-keygen wrote it")
    number, line = lines[0]
    return _key_of(line, f"{place}:{number}")


def _key_of(line: Line, place: str) -> PublicKey:
    if line.blob is None or line.key_type is None:
        raise AuthorizeError(f"{place}: no public key of OpenSSH's form TYPE BASE64 COMMENT;"
                             " name the .pub file as ssh-keygen wrote it")
    if line.options or line.fault:
        raise AuthorizeError(f"{place}: options stand before the key; take them out, the policy"
                             " says what the key may do")
    if line.key_type not in KEY_TYPES:
        shown = line.key_type.decode("ascii", "backslashreplace")
        raise AuthorizeError(f"{place}: {shown} is no type of key for this; make one with"
                             " ssh-keygen -t ed25519")
    return PublicKey(line.key_type, line.blob)


def authorize(policy: Policy, label: str, key: PublicKey, *, program: str = DEFAULT_PROGRAM,
              path: Optional[str] = None, first: bool = False,
              dry_run: bool = False) -> Authorization:
    """Return the line by which KEY gets the right of LABEL; with PATH, add it to the file there.

    FIRST adds it only where no line there calls the guard for LABEL: who names the first key for
    ever, as a play does, brings no retired one back. Raises AuthorizeError.
    """
    if path is None:
        line = _compose(policy, label, key, program, generation=1)
        return Authorization(_text(line))
    try:
        with KeysFile.opened(path) if dry_run else KeysFile.locked(path) as file:
            line = _compose(policy, label, key, program, _next_generation(file, label))
            return (first and _find_any(file, label)) or _authorize_in(file, line, dry_run)
    except GuardFailure as failure:
        raise AuthorizeError(failure.detail) from None


def _find_any(file: KeysFile, label: str) -> Optional[Authorization]:
    """Return the first line of FILE that calls the guard for LABEL, whatever its key."""
    for number, line in enumerate(file.lines, 1):
        call = ForcedCommand.from_words(line.value(b"command") or b"")
        if call is not None and call.label == os.fsencode(label):
            return Authorization(_shown(line.raw), file.path, number, there=f"{label} has a line")
    return None


def _authorize_in(file: KeysFile, line: ManagedLine, dry_run: bool) -> Authorization:
    present = _find(file, line)
    if present is not None:
        return Authorization(_text(ManagedLine.from_line(file.lines[present - 1]) or line),
                             file.path, present, there="the key is there")
    _require_room(file, line)
    content = file.with_changes({}, line)
    number = content.count(b"\n")  # the line is the last one
    if dry_run:
        return Authorization(_text(line), file.path, number, True, _diff(file, content))
    file.put({}, line)
    return Authorization(_text(line), file.path, number, True)


def _text(line: ManagedLine) -> str:
    return line.compose().decode("ascii")


def _compose(policy: Policy, label: str, key: PublicKey, program: str,
             generation: int) -> ManagedLine:
    block = policy.blocks.get(os.fsencode(label))
    if block is None:
        known = ", ".join(name.decode("ascii") for name in policy.blocks) or "none"
        raise AuthorizeError(f"{_shown(policy.path)}: has no Key {_shown(os.fsencode(label))};"
                             f" add its block, or take one that is there: {known}")
    other = None if policy.path == DEFAULT_PATH else policy.path
    try:
        return ManagedLine(os.fsencode(program), block.label, (key.key_type, key.blob), generation,
                           networks_of(block), other)
    except Uncomposable as problem:
        raise AuthorizeError(f"{_shown(policy.path)}: the line of Key {label} can't be composed:"
                             f" {problem}; choose another") from None


def networks_of(block: Block) -> tuple[bytes, ...]:
    """Return the addresses of BLOCK's From in the spelling that sshd matches."""
    return addresses.patterns(block.networks)


def _next_generation(file: KeysFile, label: str) -> int:
    marks = (Mark.from_comment(line.comment or b"") for line in file.lines)
    used = (mark.generation for mark in marks if mark and mark.label == os.fsencode(label))
    return max(used, default=0) + 1


def _find(file: KeysFile, wanted: ManagedLine) -> Optional[int]:
    """Return the number of the line that says what WANTED says, or None.

    Refuse any other line with the same key: sshd takes the first that matches, so one of the two
    would be dead, or the other would serve where `from=` turns this one away.
    """
    found = None
    for number, line in enumerate(file.lines, 1):
        if line.blob != wanted.blob:
            continue
        managed = ManagedLine.from_line(line)
        if managed is None or not _says_the_same(managed, wanted):
            raise AuthorizeError(f"{file.path}:{number}: {_rival(line, wanted)}")
        found = found or number
    return found


def _says_the_same(one: ManagedLine, other: ManagedLine) -> bool:
    return (one.command.compose() == other.command.compose() and one.networks == other.networks
            and not one.mark.staged)


def _rival(line: Line, wanted: ManagedLine) -> str:
    """Return what LINE, of the same key, does, and what to do about it."""
    command = line.value(b"command")
    call = ForcedCommand.from_words(command or b"")
    label = wanted.command.label.decode("ascii")
    if line.fault is not None:
        what = f"this key has a line that sshd passes over, for {line.fault}"
    elif line.has(b"cert-authority"):
        what = "whoever has this key can sign himself a login"
    elif command is None:
        what = "this key has a free login, whatever another line says"
    elif call is None:
        what = "this key has another forced command"
    elif call.label != wanted.command.label:
        what = f"this key has the label {call.label.decode('ascii')}, and a key has one right"
        return f"{what}; make another key for {label}"
    else:
        what = f"this key has another line for {label}"
    return f"{what}; take the line out and run this again"


def _require_room(file: KeysFile, line: ManagedLine) -> None:
    label = line.command.label
    others = {each.blob: n for n, each in enumerate(file.lines, 1) if label_of(each) == label}
    if len(others) >= KEYS_PER_LABEL:
        numbers = " and ".join(str(number) for number in others.values())
        raise AuthorizeError(f"{file.path}: {label.decode('ascii')} has {len(others)} keys already"
                             f" (lines {numbers}); take out the one no longer used")


def label_of(line: Line) -> Optional[bytes]:
    """Return the label that LINE gives its key, by its command or else by its mark."""
    call = ForcedCommand.from_words(line.value(b"command") or b"")
    mark = Mark.from_comment(line.comment or b"")
    return call.label if call else mark.label if mark else None


def _diff(file: KeysFile, content: bytes) -> str:
    old, new = (_for_terminal(data) for data in (file.data, content))
    return "\n".join(difflib.unified_diff(old, new, file.path, file.path, n=1, lineterm=""))


def _for_terminal(data: bytes) -> list[str]:
    """Return the lines of DATA with whatever could steer a terminal made visible."""
    lines = _shown(data).split("\n")
    if lines[-1]:
        lines[-1] += " (no LF)"
    else:
        lines.pop()
    return ["".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)
            for line in lines]


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
