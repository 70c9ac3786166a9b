"""The blocks that a client's policy needs for its keys, behind what its admin wrote: pure."""

from __future__ import annotations

import difflib
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...errors import GuardFailure
from ...policy import load
from ...vocabulary import Operation
from ..trouble import Trouble, Word
from ..words import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...policy.model import Policy
    from ..config import Host

_OPERATIONS: Final = {Purpose.BACKUP: Operation.BACKUP, Purpose.RESTORE: Operation.RESTORE}


@dataclass(frozen=True)
class Wish:
    """What the admin wants new blocks to say."""

    backup: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    grants_remote: bool = False


def read(data: bytes, path: str) -> Policy:
    """Return the policy that DATA writes; raises Trouble with file and line."""
    try:
        return load.parse(data, os.fsencode(path))
    except GuardFailure as failure:
        raise Trouble(Word.REFUSED, f"on the client: {failure.detail}") from None


def extended(data: Optional[bytes], path: str, host: Host, wish: Wish) -> bytes:
    """Return DATA, the policy at PATH, with the blocks of HOST's keys that it lacks.

    Not a byte of what is there is changed. Raises Trouble where a block says something else than
    its key is for, or where WISH doesn't say what a new one needs.
    """
    known = read(data or b"", path)
    blocks = list(_blocks(host, wish, known))
    if not blocks:
        return data or b""
    head = data or b""
    if head and not head.endswith(b"\n"):
        head += b"\n"
    new = head + (b"\n" if head else b"") + "\n".join(blocks).encode("utf-8")
    read(new, path)  # what the guard would say of it is said before it is there
    return new


def blocks(host: Host, wish: Wish) -> str:
    """Return the blocks of all keys of HOST, for a policy without any; raises Trouble."""
    return extended(None, "policy", host, wish).decode("utf-8")


def difference(old: Optional[bytes], new: bytes, path: str) -> str:
    """Return how NEW differs from OLD, as a unified diff of inert text."""
    before, after = ([_inert(line) for line in data.decode("utf-8", "backslashreplace")
                      .splitlines()] for data in (old or b"", new))
    return "\n".join(difflib.unified_diff(before, after, path, path, n=2, lineterm=""))


def _blocks(host: Host, wish: Wish, known: Policy) -> Iterator[str]:
    for purpose, label in host.labels.items():
        block = known.blocks.get(label.encode("ascii"))
        if block is None:
            yield _new_block(host, purpose, label, wish)
        elif block.operation != _OPERATIONS[purpose]:
            raise Trouble(Word.CONFLICT, f"on the client: Key {label} of its policy is for"
                                         f" {block.operation}, not {purpose}; give the label"
                                         " another name in labels")
    rotation = known.blocks.get(host.rotation_label.encode("ascii"))
    if rotation is None:
        yield _written(host.rotation_label, [f"Rotate {' '.join(host.labels.values())}",
                                             *_from(host, wish)])
        return
    missing = [label for label in host.labels.values()
               if label.encode("ascii") not in rotation.rotates]
    if missing:
        raise Trouble(Word.CONFLICT, f"on the client: Key {host.rotation_label} of its policy"
                                     f" doesn't Rotate {' '.join(missing)}; add that there")


def _new_block(host: Host, purpose: str, label: str, wish: Wish) -> str:
    roots = wish.backup if purpose == Purpose.BACKUP else wish.restore
    if not roots:
        what = "may be read" if purpose == Purpose.BACKUP else "may be written"
        raise Trouble(Word.REFUSED, f"the policy has no Key {label} yet: say what {what} with"
                                    f" --{purpose} PATH, or leave {purpose} out of labels")
    lines = [f"{'Backup' if purpose == Purpose.BACKUP else 'Restore'} {_quoted(roots)}"]
    if purpose == Purpose.BACKUP and wish.never:
        lines.append(f"Never {_quoted(wish.never)}")
    if purpose == Purpose.RESTORE and wish.grants_remote:
        lines.append("Grants remote")
    return _written(label, [*lines, *_from(host, wish)])


def _from(host: Host, wish: Wish) -> list[str]:
    source = wish.source or host.source
    for address in source:
        try:
            ipaddress.ip_network(address)
        except ValueError as error:
            raise Trouble(Word.REFUSED, f"--from: {error}") from None
    if not source:
        raise Trouble(Word.REFUSED, "say where this server's logins come from with --from ADDRESS,"
                                    f" or by from in [host.{host.name}]: without it a stolen key"
                                    " works from anywhere")
    return [f"From {' '.join(source)}"]


def _written(label: str, lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in (f"Key {label}", *(f"    {line}" for line in lines)))


def _quoted(paths: tuple[str, ...]) -> str:
    """Return PATHS as arguments of the policy's language, bpc-ssh-guard-policy(5)."""
    return " ".join(_quote(path) for path in paths)


def _quote(path: str) -> str:
    if not path.isprintable():  # an LF would begin a line of its own
        raise Trouble(Word.REFUSED, f"{path!a}: a policy names no path with control characters")
    if path and not set(path) & set(' \t"\\#'):
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _inert(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)
