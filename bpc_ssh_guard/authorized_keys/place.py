"""Where an authorized_keys file lies: opened so that nobody but its owner and root can change it.

How that fails is told here too, for the file itself as well.
"""

from __future__ import annotations

import errno
import os
import stat

from ..closed import Open, require_closed
from ..errors import GuardFailure
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
# What stands in the way of safety, not of writing.
_NOT_SAFE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

_ADVICE: Final = {
    errno.ENOENT: "make the folder first, with mode 0700",
    errno.ENOTDIR: "name a folder that is no symbolic link",
    errno.ELOOP: "put the file itself there, no symbolic link",
    errno.EACCES: "run this as root or as the file's owner",
    errno.EPERM: "run this as root or as the file's owner, and look at lsattr",
    errno.EROFS: "mount its file system writable",
    errno.ENOSPC: "make room on its file system",
    errno.EDQUOT: "make room in its quota",
    errno.EFBIG: "raise the limit on the size of files",
}


def open_folder(path: str) -> tuple[int, str]:
    """Return the open folder of PATH, and the name in it; refuse one that others can change."""
    above, name = os.path.split(os.path.abspath(path))
    if not name:
        raise unsafe(path, "is a folder; name the file in it")
    try:
        folder = os.open(above, _OPEN_FOLDER)
    except OSError as error:
        raise problem(above, "it can't be opened", error) from None
    try:
        try:
            require_closed(above, frozenset({0, os.fstat(folder).st_uid}))
        except Open as complaint:
            raise GuardFailure(Reason.UNSAFE_KEYS, str(complaint)) from None
        if not os.path.samestat(os.fstat(folder), os.lstat(above)):
            raise unsafe(above, "somebody changed it meanwhile; run this again")
    except BaseException:
        os.close(folder)
        raise
    return folder, name


def require_safe(path: str, status: os.stat_result, owner: int) -> None:
    """Refuse the file at PATH, of STATUS, in a folder of OWNER, if others could have written it."""
    if not stat.S_ISREG(status.st_mode):
        raise unsafe(path, "is no regular file; move it away")
    if status.st_uid not in (0, owner):
        raise unsafe(path, f"belongs to uid {status.st_uid}, neither to root nor to the owner of"
                            " its folder; find out why, then chown it")
    if status.st_mode & _OTHERS_WRITE:
        raise unsafe(path, f"is writable by group or others (mode"
                            f" {stat.S_IMODE(status.st_mode):04o}), who may have added keys;"
                            f" look through it, then chmod go-w {path}")


def unsafe(path: str, what: str) -> GuardFailure:
    """Return the failure that says WHAT stands against using PATH."""
    return GuardFailure(Reason.UNSAFE_KEYS, f"{path}: {what}")


def problem(path: str, consequence: str, error: OSError) -> GuardFailure:
    """Return the failure that ERROR is at PATH, with its CONSEQUENCE."""
    number = error.errno or 0
    reason = Reason.UNSAFE_KEYS if number in _NOT_SAFE else Reason.CANNOT_WRITE_KEYS
    advice = _ADVICE.get(number, "look at its file system")
    return GuardFailure(reason, f"{path}: {consequence}: {error.strerror}; {advice}")
