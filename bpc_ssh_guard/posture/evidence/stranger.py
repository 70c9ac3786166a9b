"""Proves that a file is open, by opening it as the account that has no rights at all."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final, Optional

if TYPE_CHECKING:
    from ..site import Site

_NOBODY: Final = 65534  # of Linux, where a tree's passwd has no nobody
_SECONDS: Final = 5
_TEST: Final = "/usr/bin/test"


def opens(site: Site, path: str) -> Optional[bool]:
    """Return whether nobody can read PATH; None where we can't become nobody, or aren't asked to.

    The kernel answers (faccessat(2) in a child): the file isn't read and its content not seen.
    """
    if not site.live or os.geteuid() != 0:
        return None
    account = site.accounts.user("nobody")
    uid = account.uid if account and account.uid else _NOBODY
    real = os.path.join(site.disk.root, site.disk.real(path).lstrip("/"))
    try:
        done = subprocess.run(  # noqa: S603 - fixed program; the path is one argument
            [_TEST, "-r", real], user=uid, group=_NOBODY, extra_groups=[], env={}, cwd="/",
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode == 0
