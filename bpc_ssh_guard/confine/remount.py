"""The mounts as this process sees them, and protecting them one by one, before Linux 5.12."""

from __future__ import annotations

import errno

from ..command.paths import is_beneath
from .namespaces import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    found,
    mount,
    set_devices_apart,
)
from .support import DEVICES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from .places import Pathfinder, Place


class Mount:
    """A line of mountinfo (proc(5)): where, with which options, of which file system type."""

    __slots__ = ("kind", "options", "path")

    def __init__(self, line: bytes) -> None:
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ")
        self.path: Final = _unescape(fields[4])
        self.options: Final = fields[5].split(b",")
        self.kind: Final = after.partition(b" ")[0]


def mounts() -> list[Mount]:
    """Return the mounts that this process sees, in the order in which they were made."""
    with open(b"/proc/self/mountinfo", "rb") as file:
        return [Mount(line) for line in file.read().splitlines()]


def protect(writable: Sequence[bytes], finder: Pathfinder) -> None:
    """Make every mount read-only but those at and below WRITABLE; raises OSError."""
    kept = [_bind_to_itself(place) for place in found(writable, finder)]
    set_devices_apart()
    for each in mounts():
        keep = b"ro" not in each.options and any(is_beneath(each.path, path) for path in kept)
        flags = MS_NOSUID if keep else MS_NOSUID | MS_RDONLY
        flags |= 0 if each.path in DEVICES else MS_NODEV
        flags |= MS_NOEXEC if b"noexec" in each.options else 0
        try:
            mount(b"none", each.path, None, flags | MS_REMOUNT | MS_BIND)
        except OSError as error:
            # Hidden by a later mount, or its folder removed: no path leads there for anyone.
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise


def _bind_to_itself(place: Place) -> bytes:
    """Make PLACE and what is mounted below mounts of their own; return its path."""
    with place:
        if place.path != b"/":
            itself = b"/proc/self/fd/%d" % place.descriptor
            mount(itself, itself, None, MS_BIND | MS_REC)
        return place.path


def _unescape(path: bytes) -> bytes:
    """Return PATH of mountinfo with its octal escapes resolved."""
    first, *rest = path.split(b"\\")
    return first + b"".join([bytes([int(each[:3], 8)]) + each[3:] for each in rest])
