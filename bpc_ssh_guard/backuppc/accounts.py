"""The server's accounts and groups, from its own passwd and group files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from .undecided import Undecided

if TYPE_CHECKING:
    from .disk import Disk


@dataclass(frozen=True)
class Account:
    """A line of passwd(5)."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True)
class Group:
    """A line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Accounts:
    """All accounts and groups of the two files; a directory service is not asked."""

    users: tuple[Account, ...]
    groups: tuple[Group, ...]

    @classmethod
    def read(cls, disk: Disk) -> Accounts:
        """Return them; a missing or unreadable file holds none."""
        users = [Account(f[0], int(f[2]), int(f[3]), f[5], f[6])
                 for f in _lines(disk, "/etc/passwd", 7) if f[2].isdigit() and f[3].isdigit()]
        groups = [Group(f[0], int(f[2]), tuple(filter(None, f[3].split(","))))
                  for f in _lines(disk, "/etc/group", 4) if f[2].isdigit()]
        return cls(tuple(users), tuple(groups))

    def user(self, name: str) -> Optional[Account]:
        """Return the account NAME."""
        return next((each for each in self.users if each.name == name), None)

    def user_name(self, uid: int) -> str:
        """Return the name of UID, or "uid N"."""
        return next((each.name for each in self.users if each.uid == uid), f"uid {uid}")

    def group(self, name: str) -> Optional[Group]:
        """Return the group NAME."""
        return next((each for each in self.groups if each.name == name), None)

    def group_name(self, gid: int) -> str:
        """Return the name of GID, or "gid N"."""
        return next((each.name for each in self.groups if each.gid == gid), f"gid {gid}")

    def members(self, gid: int) -> frozenset[str]:
        """Return who has GID as own or further group."""
        own = {user.name for user in self.users if user.gid == gid}
        further = {name for group in self.groups if group.gid == gid for name in group.members}
        return frozenset(own | further)


def _lines(disk: Disk, path: str, fields: int) -> list[list[str]]:
    try:
        text = disk.read(path).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, Undecided):
        return []
    parts = (line.split(":") for line in text.split("\n") if not line.startswith("#"))
    return [each for each in parts if len(each) == fields]
