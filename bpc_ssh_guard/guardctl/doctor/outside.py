"""A folder outside the roots that everybody may write to: what its owner's bits can't protect."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Optional

from ...command.paths import is_beneath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FILE: Final = b"canary"


class Outside:
    """A folder with a file in it, neither below a root."""

    def __init__(self, folder: bytes) -> None:
        self.folder: Final = folder
        self.file: Final = os.path.join(folder, _FILE)
        self.new: Final = os.path.join(folder, b"new")  # nothing is there


@contextmanager
def outside(roots: Sequence[bytes]) -> Iterator[Optional[Outside]]:
    """Make the folder and take it away in the end; None where every place is below ROOTS.

    Only who reads past all permissions gets to it: the folder around it is closed.
    """
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/run", "/dev/shm"):  # noqa: S108  # tried in turn
        real = os.path.realpath(os.fsencode(place))
        if any(is_beneath(real, root) for root in roots):
            continue
        try:
            around = tempfile.mkdtemp(prefix=b"bpc-ssh-guard-doctor-", dir=real)
        except OSError:
            continue
        try:
            yield _fill(os.path.join(around, b"open"))
        finally:
            shutil.rmtree(around)
        return
    yield None


def _fill(folder: bytes) -> Outside:
    made = Outside(folder)
    os.mkdir(folder)
    with open(made.file, "wb") as file:
        file.write(b"canary\n")
    for path, mode in ((folder, 0o777), (made.file, 0o666)):
        os.chmod(path, mode)
    return made
