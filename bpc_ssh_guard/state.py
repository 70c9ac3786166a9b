"""The state folder opened safely: by descriptor from the root down, owners and modes checked.

What lies in it opens restores and holds sessions, so nobody but root and the guard's account may
have written it. A symbolic link is followed nowhere on the way.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from .errors import GuardFailure
from .lean import SIGALRM, setitimer, signal
from .vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
LOCK_SECONDS: Final = 10.0  # what others do under these locks takes milliseconds
# A fifo must not make the guard wait.
OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_ITIMER_REAL: Final = 0
_PASS: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ENTER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

_ADVICE: Final = {
    errno.ENOENT: "make it, or name another folder with State in the policy",
    errno.ENOTDIR: "name the real folder with State in the policy, no symbolic link",
    errno.ELOOP: "put a regular file there, no symbolic link",
    errno.EACCES: "run this as root, or name another folder with State in the policy",
    errno.EPERM: "run this as root, or name another folder with State in the policy",
    errno.EROFS: "mount its file system writable, or name another folder with State in the policy",
    errno.ENOSPC: "make room on its file system",
    errno.EDQUOT: "make room in its quota",
}


def open_folder(state: bytes, name: bytes = b"", make: bool = False) -> int:
    """Return a descriptor of the folder NAME in STATE, absolute; without NAME, of STATE itself.

    MAKE makes the two, closed to others, where they are missing; without it FileNotFoundError is
    raised then. Raises GuardFailure(bad-grant) unless both and every folder above belong to root or
    to the account that runs this and nobody else may write there; above STATE a folder with the
    sticky bit may be writable, since nobody can replace what isn't his in it.
    """
    above = [component for component in state.split(b"/") if component]
    own = len(above) - 1  # from here on the folders are the guard's alone
    components = (*above, name) if name else above
    here, folder = b"/", os.open(b"/", _PASS)
    try:
        for depth, component in enumerate(components):
            _require_closed(here, os.fstat(folder), own=depth > own)
            here = os.path.join(here, component)
            last = depth == len(components) - 1
            below = _enter(folder, component, make and depth >= own, last)
            os.close(folder)
            folder = below
        _require_closed(here, os.fstat(folder), own=True)
    except BaseException as error:
        os.close(folder)
        if isinstance(error, OSError) and (make or not isinstance(error, FileNotFoundError)):
            raise problem(here, error) from None
        raise
    return folder


def lock(descriptor: int, seconds: float = LOCK_SECONDS) -> None:
    """Lock the open DESCRIPTOR against other processes; raises TimeoutError after SECONDS.

    The kernel lets go of the lock when its holder ends, however it does. Where another has it we
    wait in the kernel's queue, which is fair: with 20 writers polling starved one for 5.9 s. To be
    called from the main thread: the deadline is a signal.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _wait_for_lock(descriptor, seconds)


def _wait_for_lock(descriptor: int, seconds: float) -> None:
    def late(_number: int, _frame: object) -> NoReturn:
        raise TimeoutError(errno.ETIMEDOUT, f"locked for {seconds:.0f} seconds")

    handler = signal(SIGALRM, late)
    try:
        timer = setitimer(_ITIMER_REAL, seconds)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        finally:
            setitimer(_ITIMER_REAL, *timer)
    finally:
        signal(SIGALRM, handler)


def require_file(path: bytes, status: os.stat_result) -> None:
    """Refuse the file at PATH, of STATUS, if others could have written it or it is none."""
    if not stat.S_ISREG(status.st_mode):
        raise failure(path, "is no regular file; move it away")
    _require_ours(path, status)


def problem(path: bytes, error: OSError, consequence: str = "") -> GuardFailure:
    """Return the failure that ERROR is at PATH, with its CONSEQUENCE."""
    what = error.strerror or "unknown error"
    advice = _ADVICE.get(error.errno or 0, "look at its file system")
    said = f"{consequence}: " if consequence else ""
    return failure(path, f"{said}{what[:1].lower()}{what[1:]}; {advice}")


def failure(path: bytes, complaint: str) -> GuardFailure:
    """Return the failure that says COMPLAINT about PATH."""
    return GuardFailure(
        Reason.BAD_GRANT, f"{path.decode('utf-8', 'backslashreplace')}: {complaint}"
    )


def _enter(folder: int, name: bytes, make: bool, last: bool) -> int:
    """Return a descriptor of NAME in the open FOLDER, made where it is missing and MAKE says so."""
    flags = _ENTER if last else _PASS
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, FOLDER_MODE, dir_fd=folder)
    except FileExistsError:
        pass  # another guard made it meanwhile
    else:
        parent = os.open(b".", _ENTER, dir_fd=folder)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    return os.open(name, flags, dir_fd=folder)


def _require_closed(path: bytes, status: os.stat_result, own: bool) -> None:
    if own or not status.st_mode & stat.S_ISVTX:
        _require_ours(path, status)
    elif status.st_uid not in (0, os.geteuid()):
        raise _foreign(path, status)


def _require_ours(path: bytes, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise _foreign(path, status)
    if status.st_mode & _OTHERS_WRITE:
        raise failure(path, "is writable by group or others; look who wrote there, then chmod go-w")


def _foreign(path: bytes, status: os.stat_result) -> GuardFailure:
    return failure(path, f"belongs to uid {status.st_uid}; give it to root")
