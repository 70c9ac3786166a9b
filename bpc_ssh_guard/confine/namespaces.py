"""The program's own view of the mounts: everything read-only but the roots of a restore.

Landlock does not govern chmod, chown, utime and setxattr; a read-only mount does. No device but
two can be opened there either: a disk's node below a root would give away what is masked.
"""

from __future__ import annotations

import errno
import os

from . import kernel
from .support import DEVICES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final, Optional

    from .places import Pathfinder, Place

CLONE_NEWNS: Final = 0x20000

# Flags of mount(2).
MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_SLAVE: Final = 1 << 19
MS_SHARED: Final = 1 << 20
MNT_DETACH: Final = 2

# Attributes of mount_setattr(2), since Linux 5.12, have the values of the flags above.
_PLAIN: Final = MS_NOSUID | MS_NODEV
_ATTRIBUTES_SIZE: Final = 32  # attr_set, attr_clr, propagation, userns_fd

_OPEN_TREE_CLONE: Final = 1
_MOVE_BY_DESCRIPTOR: Final = 0x4 | 0x40  # both paths of move_mount are empty


def enter(writable: Sequence[bytes], finder: Pathfinder) -> None:
    """Enter a private view of the mounts in which only the folders WRITABLE can be changed.

    Mounts that the host makes or takes away later appear and vanish here, never the reverse. What
    was read-only below a writable folder stays so. FINDER finds the WRITABLE folders; one that is
    missing is left out.
    """
    kernel.call("unshare", CLONE_NEWNS)
    mount(b"none", b"/", None, MS_REC | MS_SLAVE)
    if _has_mount_setattr():
        _protect(writable, finder)
    else:
        from .remount import protect  # older kernels only; files can still be read here

        protect(writable, finder)


def is_permitted() -> bool:
    """Tell whether this process may mount: by asking for what is impossible after that check."""
    try:
        mount(b"none", b"/", None, MS_SLAVE | MS_SHARED)
    except OSError as error:
        return error.errno == errno.EINVAL
    return False


def mount(
    source: bytes, target: bytes, kind: Optional[bytes], flags: int, data: bytes = b""
) -> None:
    """Call mount(2)."""
    kernel.call("mount", source, target, kind, flags, data)


def set_devices_apart() -> None:
    """Make each of DEVICES a mount of its own, to differ from the one that it lies in."""
    for path in DEVICES:
        try:
            mount(path, path, None, MS_BIND)
        except FileNotFoundError:
            continue


def found(paths: Iterable[bytes], finder: Pathfinder) -> Iterator[Place]:
    """Yield the places of PATHS that exist, each to be closed; raises OSError for an unsafe one."""
    for path in paths:
        try:
            yield finder.find(path)
        except (FileNotFoundError, NotADirectoryError):
            continue


def _has_mount_setattr() -> bool:
    """Tell whether attributes can be set for a whole tree: by changing none."""
    try:
        _set_attributes(kernel.AT_FDCWD, b"/", 0)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        return False
    return True


def _protect(writable: Sequence[bytes], finder: Pathfinder) -> None:
    """Protect the whole tree at once and put back what was set aside before; raises OSError."""
    everything = b"/" in writable
    kept = [(place, _set_aside(place)) for place in found(writable, finder) if not everything]
    set_devices_apart()
    _set_attributes(kernel.AT_FDCWD, b"/", _PLAIN if everything else _PLAIN | MS_RDONLY)
    for path in DEVICES:
        if os.path.exists(path):
            _set_attributes(kernel.AT_FDCWD, path, 0, clear=MS_NODEV)
    for place, tree in kept:
        with place:
            kernel.call("move_mount", tree, b"", place.descriptor, b"", _MOVE_BY_DESCRIPTOR)
        os.close(tree)


def _set_aside(place: Place) -> int:
    """Return a copy of the mounts at PLACE and below, attached nowhere, still writable."""
    how = _OPEN_TREE_CLONE | os.O_CLOEXEC | kernel.AT_RECURSIVE | kernel.AT_EMPTY_PATH
    tree = kernel.call("open_tree", place.descriptor, b"", how)
    _set_attributes(tree, b"", _PLAIN)
    return tree


def _set_attributes(folder: int, path: bytes, attributes: int, clear: int = 0) -> None:
    how = kernel.AT_RECURSIVE | kernel.AT_EMPTY_PATH
    wanted = kernel.words(attributes, clear, 0, 0)
    kernel.call("mount_setattr", folder, path, how, wanted, _ATTRIBUTES_SIZE)
