"""Remote shells for rsync -e that start a forced command as sshd does, without the network."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .stage import Stage


def write(stage: Stage, name: str, forced: Optional[Sequence[str]]) -> str:
    """Write the remote shell NAME for a key with the FORCED command, or with none; return its path.

    ssh joins the words behind the host with blanks; without a forced command they are run.
    """
    environment = " ".join(
        shlex.quote(f"{key}={value!s}") for key, value in stage.environment().items()
    )
    command = '"$@"' if forced is None else f'SSH_ORIGINAL_COMMAND="$*" {shlex.join(forced)}'
    path = os.path.join(stage.disk, f"shell-{name}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nshift\nexec /usr/bin/env -i {environment} {command}\n")
    os.chmod(path, 0o755)
    return path
