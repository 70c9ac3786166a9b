"""Whether a path can be changed by anybody but root and the user who runs this."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_LINKS_LIMIT: Final = 40  # the kernel's own (path_resolution(7))


class Open(Exception):
    """Somebody else could change what a path names; the text says where and what to do."""


def trusted_accounts() -> frozenset[int]:
    """Return the accounts that may change what we install: root and ourselves."""
    return frozenset({0, os.geteuid()})


def require_closed(path: str, trusted: frozenset[int]) -> None:
    """Refuse PATH if another account owns or may write it or any folder on the way to it.

    Links are followed as the kernel does and held to the same rule. A sticky folder, such as /tmp,
    may be on the way: others can't replace in it what isn't theirs. What doesn't exist yet is fine.
    """
    pending = [name for name in reversed(path.split("/")) if name]
    links = 0
    here = "/"
    _require_ours("/", os.lstat("/"), trusted, final=not pending)
    while pending:
        name = pending.pop()
        if name in (".", ".."):
            here = os.path.dirname(here) if name == ".." else here
            continue
        entry = os.path.join(here, name)
        try:
            info = os.lstat(entry)
        except FileNotFoundError:
            return
        _require_ours(entry, info, trusted, final=not pending)
        if not stat.S_ISLNK(info.st_mode):
            here = entry
            continue
        links += 1
        if links > _LINKS_LIMIT:
            raise Open(f"{path}: too many symbolic links")
        target = os.readlink(entry)
        here = "/" if target.startswith("/") else here
        pending += [part for part in reversed(target.split("/")) if part]


def _require_ours(entry: str, info: os.stat_result, trusted: frozenset[int], final: bool) -> None:
    if info.st_uid not in trusted:
        raise Open(f"{entry}: owned by uid {info.st_uid}, who could change what is installed;"
                   f" choose another place or chown root {entry}")
    if stat.S_ISLNK(info.st_mode) or not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    if stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX and not final:
        return
    raise Open(f"{entry}: writable by others than its owner (mode {info.st_mode & 0o7777:04o}),"
               f" who could change what is installed; chmod go-w {entry}")
