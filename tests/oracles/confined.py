"""Run a foreign program where a mistake can harm nothing: no environment, private namespaces.

As root the program runs in a mount namespace of its own, without a network and, unless it has to
read what root alone may, as nobody; an ordinary account runs it as itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

TIME_LIMIT = 60.0
NOBODY = 65534
ENVIRONMENT = {b"PATH": b"/usr/bin:/bin"}

_APART = ("unshare", "--mount", "--net", "--ipc", "--")
_AS_NOBODY = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
    "--bounding-set=-all", "--",
)  # fmt: skip


def run(
    argv: Sequence[bytes | str],
    environment: Mapping[bytes, bytes],
    folder: str,
    as_nobody: bool = True,
) -> subprocess.CompletedProcess[bytes]:
    """Run ARGV in FOLDER with standard input at its end."""
    before = (*_APART, *(_AS_NOBODY if as_nobody else ())) if os.geteuid() == 0 else ()
    return subprocess.run(
        [os.fsencode(word) for word in (*before, *argv)],
        env={**ENVIRONMENT, **environment},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIME_LIMIT,
        check=False,
    )
