"""Lets a running BackupPC read its configuration anew, as BackupPC's own account."""

from __future__ import annotations

import os
import subprocess

_LIMIT = 30.0  # seconds


def reload(install_dir: str, uid: int, gid: int) -> str:
    """Tell the daemon of INSTALL_DIR as the account UID of group GID; return what went wrong."""
    program = f"{install_dir}/bin/BackupPC_serverMesg"
    other = os.geteuid() == 0
    try:
        done = subprocess.run(  # noqa: S603 - as the account that the program belongs to
            [program, "server", "reload"], env={"PATH": "/usr/bin:/bin"}, cwd="/",
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT, check=False,
            user=uid if other else None, group=gid if other else None,
            extra_groups=[] if other else None)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program}: {error}"
    return "" if done.returncode == 0 else f"{program}: status {done.returncode}; is it running?"
