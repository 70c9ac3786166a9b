"""Which file system a path lies on, from the kernel's table of mounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

if TYPE_CHECKING:
    from ...backuppc.disk import Disk

TABLE: Final = "/proc/self/mountinfo"
# File systems whose modes come from the server or from mount options, not from chmod.
FOREIGN: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs",
    "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "vfat", "msdos", "exfat", "ntfs", "ntfs3",
    "fuseblk",
})  # fmt: skip
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A line of proc_pid_mountinfo(5)."""

    point: str
    kind: str


def mount_of(disk: Disk, path: str) -> Optional[Mount]:
    """Return the mount that the real PATH lies on, None where DISK has no table of mounts.

    Raise Undecided where the table can't be read.
    """
    try:
        text = disk.read(disk.real(TABLE)).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    found: Optional[Mount] = None
    for line in text.split("\n"):
        head, separator, tail = line.partition(" - ")
        fields = head.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4])
        inside = path == point or path.startswith(f"{point.rstrip('/')}/")
        # The last of several on one point hides the others.
        if inside and (found is None or len(point) >= len(found.point)):
            found = Mount(point, tail.split(" ")[0])
    return found
