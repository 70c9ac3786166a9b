"""The policy file opened safely: by descriptor from the root down, owners and modes checked."""

from __future__ import annotations

import os
import stat

from ..errors import GuardFailure
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MAX_POLICY: Final = 256 * 1024  # thousands of lines; a policy has tens

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def read(path: bytes) -> bytes:
    """Return the bytes of the file at PATH, absolute.

    Raises GuardFailure(bad-policy) unless the file and every folder above belong to root or to
    the account that runs this and nobody else may write there. A folder with the sticky bit may be
    writable: nobody can replace what root or that account owns in it. No symbolic link is followed.
    """
    descriptor = _open(path)
    try:
        _require_safe(path, os.fstat(descriptor), folder=False)
        data = b""
        while len(data) <= MAX_POLICY:
            piece = os.read(descriptor, MAX_POLICY + 1 - len(data))
            if not piece:
                return data
            data += piece
    finally:
        os.close(descriptor)
    raise _failure(path, f"has more than {MAX_POLICY} bytes; take out what is not needed")


def _open(path: bytes) -> int:
    """Return a descriptor of PATH, opened component by component."""
    folders = path.split(b"/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(b"/", flags | os.O_DIRECTORY)
    try:
        for depth, name in enumerate(folders[1:], 2):
            here = b"/".join(folders[: depth - 1]) or b"/"
            _require_safe(here, os.fstat(folder), folder=True)
            last = depth == len(folders)
            # O_NONBLOCK: opening a fifo must not wait for a writer.
            kind = os.O_NONBLOCK if last else os.O_DIRECTORY
            below = os.open(name, flags | kind, dir_fd=folder)
            os.close(folder)
            folder = below
    except OSError as error:
        os.close(folder)
        here = b"/".join(folders[:depth])
        raise _failure(here, f"can't be opened: {error.strerror}; {_remedy(here)}") from None
    except GuardFailure:
        os.close(folder)
        raise
    return folder


def _remedy(path: bytes) -> str:
    if os.path.islink(path):
        return "put the real folder or file in place of the symbolic link"
    return "create it, or name another with --policy"


def _require_safe(path: bytes, status: os.stat_result, folder: bool) -> None:
    if not (folder or stat.S_ISREG(status.st_mode)):
        raise _failure(path, "is no regular file")
    if status.st_uid not in (0, os.geteuid()):
        raise _failure(path, f"belongs to uid {status.st_uid}; chown root it")
    sticky = folder and status.st_mode & stat.S_ISVTX
    if status.st_mode & _OTHERS_WRITE and not sticky:
        raise _failure(path, "is writable by group or others; chmod go-w it")


def _failure(path: bytes, complaint: str) -> GuardFailure:
    return GuardFailure(
        Reason.BAD_POLICY, f"{path.decode('utf-8', 'backslashreplace')}: {complaint}"
    )
