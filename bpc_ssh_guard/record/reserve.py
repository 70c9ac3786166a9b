"""Space kept for the end of the space: refusals and ends are recorded on a full disk too."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NAME: Final = b"reserve"
SIZE: Final = 4 << 20  # some two thousand records

_MODE: Final = 0o600
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_whole(folder: int) -> bool:
    """Tell whether the reserve in the open FOLDER has its size."""
    try:
        return os.stat(NAME, dir_fd=folder, follow_symlinks=False).st_size == SIZE
    except FileNotFoundError:
        return False


def fill(folder: int) -> None:
    """Allocate the reserve in the open FOLDER; raises OSError where the space is not there."""
    descriptor = os.open(NAME, _OPEN, _MODE, dir_fd=folder)
    try:
        os.posix_fallocate(descriptor, 0, SIZE)
    except OSError:
        os.ftruncate(descriptor, 0)
        raise
    finally:
        os.close(descriptor)


def release(folder: int) -> None:
    """Give the space back; raises OSError."""
    descriptor = os.open(NAME, _OPEN, _MODE, dir_fd=folder)
    try:
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
