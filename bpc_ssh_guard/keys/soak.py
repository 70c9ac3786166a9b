"""The soak: an old key stays until the new one has made a good backup, or for some hours.

A backup that began just before the switch may have read the old key's file, and a key that logs in
may still be one that BackupPC can't read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from .config import Purpose

if TYPE_CHECKING:
    from .answer import Key
    from .config import Config, Host
    from .journal import Entry

PROOF_SECONDS: Final = 2  # the client notes both times of a proof one after the other
_GOOD: Final = ("full", "incr")  # not partial, not active
_LINE_LIMIT: Final = 4096
_BACKUPS_LIMIT: Final = 10000  # lines; BackupPC keeps dozens


def is_over(
    config: Config, host: Host, entry: Entry, key: Optional[Key], now: int, soak: int
) -> bool:
    """Tell whether the old key of ENTRY may go: KEY is what the client listed of the new one.

    Of a restore key no backup is waited for: it works under a grant alone, and nobody needs the
    old one while none is open.
    """
    if host.purpose_of(entry.label) == Purpose.RESTORE or now - entry.changed >= soak:
        return True
    return was_used(key) and has_good_backup(config, host.name, entry.changed)


def was_used(key: Optional[Key]) -> bool:
    """Tell whether a run was made under KEY after its proof, which counts as a use itself."""
    if key is None or key.used is None or key.proven is None:
        return False
    return key.used - key.proven > PROOF_SECONDS


def has_good_backup(config: Config, host: str, since: int) -> bool:
    """Tell whether BackupPC has begun and ended a good backup of HOST after SINCE.

    It is read from TopDir/pc/HOST/backups, whose columns are number, type, start and end
    (BackupPC::Storage::Text); False where the configuration names no TopDir or it can't be read.
    """
    if config.backuppc is None:
        return False
    path = config.backuppc / "pc" / host / "backups"
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for _ in range(_BACKUPS_LIMIT):
                columns = file.readline(_LINE_LIMIT).split("\t")
                if len(columns) < 4:
                    return False
                started = columns[2].isdigit() and int(columns[2]) >= since
                if columns[1] in _GOOD and started and columns[3].strip().isdigit():
                    return True
    except OSError:
        return False
    return False
