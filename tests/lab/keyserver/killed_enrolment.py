"""Run bpc-ssh-keys and kill it at one step: `... killed_enrolment WHEN:STEP WORD...`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from bpc_ssh_guard.cli.keys import main
from bpc_ssh_guard.keys import client, files, hostkeys, store
from bpc_ssh_guard.keys.enroll import keys, machine

STEPS: dict[str, Any] = {
    "put": hostkeys, "write_policy": machine.Machine, "authorize": machine.Machine,
    "generate": files.Pairs, "switch": files.Pairs, "prove": client.Client, "write": store.Store,
    "generate_alone": keys, "_prove_rotation": keys.FirstKeys,
}


def _kill_at(when: str, step: str) -> None:
    real = getattr(STEPS[step], step)

    def killed(*words: Any) -> None:
        if when == "after":
            real(*words)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(STEPS[step], step, killed)


if __name__ == "__main__":
    point, *arguments = sys.argv[1:]
    _kill_at(*point.split(":"))
    sys.exit(main(arguments))
