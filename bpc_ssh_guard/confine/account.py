"""The account that a backup runs as: its own, that nobody logs in as and nothing else runs as."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final, Optional

NAME: Final = b"bpc-ssh-guard"

# Where that account does not exist: ids that no distribution and no allocator gives out (Debian
# Policy 9.2.2 reserves 65000 to 65533; systemd's dynamic users end at 65519, UIDS-GIDS).
UNUSED: Final = range(65533, 65519, -1)

_ACCOUNTS: Final = b"/etc/passwd"


class Account:
    """A user id and a group id."""

    __slots__ = ("gid", "uid")

    def __init__(self, uid: int, gid: int) -> None:
        self.uid: Final = uid
        self.gid: Final = gid


def choose(alone: bool, accounts: bytes = _ACCOUNTS) -> Optional[Account]:
    """Return the account for a backup, or None where every candidate has another user.

    The file ACCOUNTS is read and no other directory service: nothing is waited for. ALONE asks too
    that no process runs as it: needed where no Landlock keeps processes of one uid apart.
    """
    lines = _read(accounts)
    busy = _running() if alone else frozenset()
    for candidate in _candidates(lines):
        if candidate.uid not in busy and _holders(lines, candidate.uid) in ([], [NAME]):
            return candidate
    return None


def _read(accounts: bytes) -> bytes:
    """Return the file's lines with a newline before each."""
    try:
        with open(accounts, "rb", buffering=0) as file:
            return b"\n" + file.read()
    except FileNotFoundError:
        return b""


def _candidates(lines: bytes) -> Iterator[Account]:
    _, found, rest = lines.partition(b"\n" + NAME + b":")
    ids = rest.partition(b"\n")[0].split(b":")[1:3]
    if found and len(ids) == 2 and ids[0].isdigit() and ids[1].isdigit() and int(ids[0]) != 0:
        yield Account(int(ids[0]), int(ids[1]))
    for number in UNUSED:
        yield Account(number, number)


def _holders(lines: bytes, uid: int) -> list[bytes]:
    """Return the names of the accounts with UID."""
    text = b"%d" % uid
    if b":" + text + b":" not in lines:
        return []  # the usual case, without a look at each line
    fields = [line.split(b":") for line in lines.splitlines()]
    return [each[0] for each in fields if each[2:3] == [text]]


def _running() -> frozenset[int]:
    """Return the user ids of all processes."""
    found = set()
    folder = os.open(b"/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.listdir(folder):
            if name.isdigit():
                try:
                    found.add(os.stat(name, dir_fd=folder).st_uid)
                except OSError:
                    continue  # ended
    finally:
        os.close(folder)
    return frozenset(found)
