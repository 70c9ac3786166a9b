"""Bounds on what one key may have: sessions at a time, and free space left by restores.

A session holds a slot, one byte of the key's file in the state folder, by a lock and by nothing
else: whatever ends the guard frees it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from .. import state as state_folder
from ..errors import Refused
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

FOLDER: Final = b"sessions"

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_TAKEN: Final = (errno.EACCES, errno.EAGAIN)  # POSIX allows both, fcntl(2)
_FLAGS: Final = os.O_RDWR | os.O_CREAT | state_folder.OPEN


def take_slot(state: bytes, label: bytes, most: int) -> int:
    """Return a descriptor that holds one of MOST slots of the key LABEL until it is closed.

    Raises Refused(busy) when all are held, and GuardFailure(bad-grant) when the state folder can't
    be used.
    """
    path = os.path.join(state, FOLDER, label)
    folder = state_folder.open_folder(state, FOLDER, make=True)
    try:
        # Never removed: a new file beside an old one that is still held would double the slots.
        descriptor = os.open(label, _FLAGS, state_folder.FILE_MODE, dir_fd=folder)
    except OSError as error:
        raise state_folder.problem(path, error) from None
    finally:
        os.close(folder)
    try:
        _require_private(path, os.fstat(descriptor))
        _hold_one(descriptor, path, most)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def require_space(roots: Iterable[bytes], keep_free: int) -> None:
    """Refuse a restore when a file system of ROOTS has less than KEEP_FREE bytes left."""
    if not keep_free:
        return
    for root in roots:
        shown = root.decode("utf-8", "backslashreplace")
        try:
            free = _free_bytes(root)
        except OSError as error:
            detail = f"{shown}: its free space can't be had: {error.strerror}; look at it, or take"
            raise Refused(Reason.NO_SPACE, f"{detail} KeepFree out") from None
        if free < keep_free:
            detail = f"{shown} has {free} bytes free, KeepFree demands {keep_free}; make room there"
            raise Refused(Reason.NO_SPACE, detail)


def _hold_one(descriptor: int, path: bytes, most: int) -> None:
    """Lock one of the bytes 0 to MOST - 1; raises Refused(busy) when others hold them all.

    Record locks belong to the process, fcntl(2): a fork does not share them, so the program and its
    children can't hold a slot, and the kernel drops them when the guard dies, however it does.
    flock(2) and open file description locks would live on in any child that kept the descriptor.
    The price: closing any other descriptor of this file would drop them, and one process can't
    compete with itself. A guard opens it once.
    """
    for slot in range(most):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise state_folder.problem(path, error) from None
        else:
            return
    raise Refused(Reason.BUSY, f"{most} sessions of this key are open; wait, or raise MaxSessions")


def _require_private(path: bytes, status: os.stat_result) -> None:
    """Refuse a file that others may open: they could hold the slots."""
    state_folder.require_file(path, status)
    if status.st_mode & _OTHERS:
        raise state_folder.failure(path, "is open to group or others; chmod 0600 it")


def _free_bytes(path: bytes) -> int:
    """Return the bytes free on the file system of PATH, or of what it would be made in."""
    while True:
        try:
            status = os.statvfs(path)
        except FileNotFoundError:
            path = os.path.dirname(path)  # ends at /, which exists
        else:
            # Without the share that is reserved for root: a restore as root could use it up.
            return status.f_bavail * status.f_frsize
