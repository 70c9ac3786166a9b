"""Commands as BackupPC 4.4 and rsync clients send them, for a share that the policy admits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# BackupPC's default: options and paths travel on standard input.
SECLUDED = "/usr/bin/rsync --server --sender -slHogDtprxe.iLsfxC"
# The same with --protect-args taken out of RsyncArgs, the only form that rrsync takes.
_VISIBLE = "rsync --server --sender -lHogDtprxe.iLsfxC --timeout=72000 --numeric-ids . "
# Known to both guards as an option, and refused by both.
REFUSED = "rsync --server --sender --write-devices -lHogDtprxe.iLsfxC --numeric-ids . "


def visible(*paths: str) -> str:
    """Return a backup of PATHS with everything on the command line."""
    return _VISIBLE + " ".join(paths)


def secluded_list(*paths: str) -> bytes:
    """Return what BackupPC sends first on standard input for a backup of PATHS."""
    words = ("rsync", "--timeout=72000", "--numeric-ids", ".", *paths, "")
    return b"".join(word.encode() + b"\0" for word in words)


def tar_backup(share: str, names: Iterable[str]) -> str:
    """Return a full backup by tar of NAMES in SHARE, as BackupFilesOnly makes it."""
    return f"env LC_ALL=C /bin/tar -c -v -f - -C {share} --totals {' '.join(names)}"
