"""The files of BackupPC's programs, and its account's home."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.disk import Disk
    from ..site import Site

# bpc-ssh-keys' own account is in backuppc's group, to give it the keys: it has them all anyway.
KEY_ACCOUNT: Final = "bpckeys"
_MOST_FILES: Final = 2000  # of programs; 4.4.0 has 150
_DEEPEST: Final = 6


def code(site: Site) -> list[str]:
    """Return every file and folder of bin and lib below InstallDir, that folder first."""
    base = site.settings.folder("InstallDir")
    found = [base]
    for name in ("bin", "lib"):
        folder = f"{base}/{name}"
        if site.disk.stat(folder) is not None:
            found += [folder, *_below(site.disk, folder, 1)]
    if len(found) > _MOST_FILES:
        raise Undecided(base, f"more than {_MOST_FILES} files of programs")
    return found


def _below(disk: Disk, folder: str, depth: int) -> Iterator[str]:
    for name in disk.names(folder):
        path = f"{folder}/{name}"
        yield path
        info = disk.lstat(path)
        if info is not None and stat.S_ISDIR(info.st_mode) and depth < _DEEPEST:
            yield from _below(disk, path, depth + 1)


def home(site: Site) -> str:
    """Return the home folder of BackupPC's account; raise Undecided where it has none."""
    account = site.accounts.user(site.user)
    if account is None or not account.home.startswith("/"):
        raise Undecided(site.user, "no such account with a home folder in /etc/passwd")
    return account.home.rstrip("/")
