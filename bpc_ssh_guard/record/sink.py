"""The log file: a line that `append` returns from is whole and on the disk, or it raised.

One file for now. The evidence chain has its place in `append`: under the lock, before the write.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ..errors import GuardFailure
from ..lean import SIG_IGN, SIGALRM, SIGXFSZ, setitimer, signal
from ..vocabulary import Reason
from .line import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

FILE_NAME: Final = b"commands.jsonl"
DIRECTORY_MODE: Final = 0o750
FILE_MODE: Final = 0o640
LOCK_SECONDS: Final = 5.0

_OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_ITIMER_REAL: Final = 0

_MORE_ROOM: Final = "make room on its file system, or raise the file size limit"
_ADVICE: Final = {
    errno.ENOENT: "make the folder above it",
    errno.ENOTDIR: "name a folder that is no symbolic link",
    errno.ELOOP: "put a regular file there, no symbolic link",
    errno.EISDIR: "put a regular file there, no folder",
    errno.EACCES: "let the guard's account write there",
    errno.EPERM: "let the guard's account write there",
    errno.EROFS: "mount its file system writable",
    errno.ENOSPC: _MORE_ROOM,
    errno.EDQUOT: "make room in its quota",
    errno.EFBIG: _MORE_ROOM,
    errno.ETIMEDOUT: "end the process that locks it",
}


class Sink:
    """The open log folder. Use it from the main thread: the lock's deadline is a signal."""

    __slots__ = ("_descriptor", "directory")
    directory: Final[bytes]

    def __init__(self, directory: bytes, descriptor: int) -> None:
        self.directory = directory
        self._descriptor: Final = descriptor

    @classmethod
    def open(cls, directory: bytes) -> Sink:
        """Open DIRECTORY, or make it where only its last component is missing.

        Raises GuardFailure(cannot-record), as `append` does.
        """
        directory = directory.rstrip(b"/") or b"/"  # a slash at the end would follow a link
        try:
            descriptor = _open_directory(directory)
        except OSError as error:
            _fail(directory, error)
        try:
            _require_closed_to_others(os.fstat(descriptor), directory)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(directory, descriptor)

    def append(self, line: bytes) -> None:
        """Append LINE, which ends in its only LF, durably."""
        path = self.directory + b"/" + FILE_NAME
        try:
            # Opened anew each time: an administrator may move the file away meanwhile.
            descriptor = _open_file(self._descriptor)
            try:
                _lock(descriptor)
                _require_log_file(os.fstat(descriptor), path)
                _write(descriptor, line, path)
            finally:
                os.close(descriptor)  # and with it the lock: no other process shares it
        except OSError as error:
            _fail(path, error)

    def close(self) -> None:
        """Close the folder."""
        os.close(self._descriptor)


def _open_directory(directory: bytes) -> int:
    try:
        return os.open(directory, _OPEN_DIRECTORY)
    except FileNotFoundError:
        pass
    above, name = os.path.split(directory)
    parent = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            os.mkdir(name, DIRECTORY_MODE, dir_fd=parent)
        except FileExistsError:  # another guard made it meanwhile
            return os.open(name, _OPEN_DIRECTORY, dir_fd=parent)
        descriptor = os.open(name, _OPEN_DIRECTORY, dir_fd=parent)
        os.fchmod(descriptor, DIRECTORY_MODE)  # whatever the umask took away
        os.fsync(parent)
        return descriptor
    finally:
        os.close(parent)


def _open_file(directory: int) -> int:
    try:
        return os.open(FILE_NAME, _OPEN_FILE, dir_fd=directory)
    except FileNotFoundError:
        pass
    descriptor = os.open(FILE_NAME, _OPEN_FILE | os.O_CREAT, FILE_MODE, dir_fd=directory)
    try:
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask took away
        _give_to_group(descriptor, os.fstat(directory).st_gid)
        os.fsync(directory)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _give_to_group(descriptor: int, group: int) -> None:
    """Let the group of the folder, the auditors, read the file too."""
    try:
        os.fchown(descriptor, -1, group)
    except PermissionError:
        return  # an account outside the group: the administrator can still change it


def _require_closed_to_others(status: os.stat_result, path: bytes) -> None:
    """Refuse what another account than root and the guard's own could write to."""
    if status.st_uid not in (0, os.geteuid()):
        _refuse(path, f"it belongs to user {status.st_uid}; give it to root")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _refuse(path, "group or others may write to it; chmod go-w")


def _require_log_file(status: os.stat_result, path: bytes) -> None:
    if not stat.S_ISREG(status.st_mode):
        _refuse(path, "it is no regular file; move it away")
    if status.st_nlink != 1:
        _refuse(path, f"it has {status.st_nlink} links, not one; move it away")
    _require_closed_to_others(status, path)


def _lock(descriptor: int) -> None:
    """Wait for the lock, at most LOCK_SECONDS.

    Blocking, because the kernel's queue is fair: with 20 writers polling starved one for 5.9 s.
    """

    def late(_number: int, _frame: object) -> NoReturn:
        raise TimeoutError(errno.ETIMEDOUT, f"locked for {LOCK_SECONDS:.0f} seconds")

    handler = signal(SIGALRM, late)
    try:
        timer = setitimer(_ITIMER_REAL, LOCK_SECONDS)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        finally:
            setitimer(_ITIMER_REAL, *timer)
    finally:
        signal(SIGALRM, handler)


def _write(descriptor: int, line: bytes, path: bytes) -> None:
    """Write LINE by one write() and sync it, or leave the file as it was."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line  # a killed writer left a torn line: it stays one, ours stays whole
    handler = signal(SIGXFSZ, SIG_IGN)  # so that the file size limit is an error
    try:
        written = os.write(descriptor, line)
        if written != len(line):
            _refuse(path, f"only {written} of {len(line)} bytes could be written; {_MORE_ROOM}")
        os.fdatasync(descriptor)
    except (GuardFailure, OSError):
        _take_back(descriptor, size)
        raise
    finally:
        signal(SIGXFSZ, handler)


def _take_back(descriptor: int, size: int) -> None:
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        return  # append-only by chattr +a: the piece stays as a torn line


def _fail(path: bytes, error: OSError) -> NoReturn:
    what = error.strerror or "unknown error"
    advice = _ADVICE.get(error.errno or 0, "look at its file system")
    _refuse(path, f"{what[:1].lower()}{what[1:]}; {advice}")


def _refuse(path: bytes, what: str) -> NoReturn:
    raise GuardFailure(Reason.CANNOT_RECORD, f"{text(path)}: {what}") from None
