"""One file of the log: opened so that nobody else can have written it, appended to by one write().

Segments are named by the number of their first record; none is ever renamed or cut short.
"""

from __future__ import annotations

import errno
import os
import stat

from ..lean import SIG_IGN, SIGXFSZ, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750
MISSING: Final = -1  # the size of a segment that is gone
SIZE_LIMIT: Final = 8 << 20  # then the next segment begins: small enough to copy and verify apart

_BEGIN: Final = b"commands-"
_END: Final = b".jsonl"
_DIGITS: Final = 20
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Unsafe(Exception):
    """The file is not one that only the guard can have written; the text says why, what to do."""


def name_of(first: int) -> bytes:
    """Return the file name of the segment whose first record has the number FIRST."""
    return b"%s%020d%s" % (_BEGIN, first, _END)


def first_of(name: bytes) -> int:
    """Return the number of the first record of the segment NAME; -1 for any other file."""
    digits = name[len(_BEGIN) : -len(_END)]
    named = name.startswith(_BEGIN) and name.endswith(_END)
    return int(digits) if named and len(digits) == _DIGITS and digits.isdigit() else -1


def open_folder(path: bytes) -> int:
    """Return a descriptor of the folder of segments at PATH; raises OSError, Unsafe."""
    descriptor = os.open(path, _OPEN_FOLDER)
    try:
        require_closed_to_others(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_folder(path: bytes) -> int:
    """Return a descriptor of the folder at PATH, made in the one above; raises OSError, Unsafe."""
    above, name = os.path.split(path)
    parent = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
        except FileExistsError:  # another guard made it meanwhile
            return open_folder(path)
        descriptor = os.open(name, _OPEN_FOLDER, dir_fd=parent)
        os.fchmod(descriptor, FOLDER_MODE)  # whatever the umask took away
        os.fsync(parent)
        return descriptor
    finally:
        os.close(parent)


def open_existing(folder: int, name: bytes) -> int:
    """Return a descriptor of the segment NAME in the open FOLDER; raises OSError, Unsafe."""
    descriptor = os.open(name, _OPEN, dir_fd=folder)
    try:
        _require_log_file(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def create(folder: int, name: bytes) -> int:
    """Return a descriptor of the new, empty segment NAME, durable in FOLDER; raises OSError."""
    descriptor = os.open(name, _OPEN | os.O_CREAT | os.O_EXCL, FILE_MODE, dir_fd=folder)
    try:
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask took away
        _give_to_group(descriptor, os.fstat(folder).st_gid)
        os.fsync(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def append(descriptor: int, data: bytes, size: int) -> None:
    """Write DATA behind the SIZE bytes of the segment and sync it, or leave it as it was.

    Raises OSError, ENOSPC also where only a part of DATA could be written.
    """
    handler = signal(SIGXFSZ, SIG_IGN)  # so that the file size limit is an error
    try:
        written = os.write(descriptor, data)
        if written != len(data):
            what = f"only {written} of {len(data)} bytes could be written"
            raise OSError(errno.ENOSPC, what)
        os.fdatasync(descriptor)
    except OSError:
        _take_back(descriptor, size)
        raise
    finally:
        signal(SIGXFSZ, handler)


def require_closed_to_others(status: os.stat_result) -> None:
    """Raise Unsafe for what another account than root and the guard's own could write to."""
    if status.st_uid not in (0, os.geteuid()):
        raise Unsafe(f"it belongs to user {status.st_uid}; give it to root")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unsafe("group or others may write to it; chmod go-w")


def _require_log_file(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unsafe("it is no regular file; move it away")
    if status.st_nlink != 1:
        raise Unsafe(f"it has {status.st_nlink} links, not one; move it away")
    require_closed_to_others(status)


def _give_to_group(descriptor: int, group: int) -> None:
    """Let the group of the folder, the auditors, read the file too."""
    try:
        os.fchown(descriptor, -1, group)
    except PermissionError:
        return  # an account outside the group: the administrator can still change it


def _take_back(descriptor: int, size: int) -> None:
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        return  # append-only by chattr +a: the piece stays, and is acknowledged as torn
