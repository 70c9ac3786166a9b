"""Run bpc-ssh-keys and kill it at one point.

`python3 -m tests.lab.certificates.killed POINT WORD...`:
POINT is `note:TEXT` for the moment before an event that begins with TEXT is stored, when all that
it tells of is done; or `write:N` for the moment before the N-th change of a file.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from bpc_ssh_guard.cli.keys import main
from bpc_ssh_guard.keys.certificates.serials import Serials
from bpc_ssh_guard.keys.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

# What makes a change of a file visible or lasting.
_WRITES = ("rename", "link", "symlink", "mkdir", "rmdir", "fsync", "unlink")


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit("not killed")


def at_note(text: str) -> None:
    """End this process before an event that begins with TEXT is stored."""
    note = Store.note

    def killed(self: Store, host: str, label: str, what: str) -> None:
        if what.startswith(text):
            _die()
        note(self, host, label, what)

    Store.note = killed  # type: ignore[method-assign]


def at_write(number: int) -> None:
    """End this process before the change NUMBER of a file."""
    left = [number]
    mutex = threading.Lock()  # files are synced by several threads, and none is to be miscounted

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def killed(*arguments: Any, **named: Any) -> Any:
            with mutex:
                left[0] -= 1
                if left[0] == 0:
                    _die()
            return work(*arguments, **named)

        return killed

    for name in _WRITES:
        setattr(os, name, counted(getattr(os, name)))
    Serials.take = counted(Serials.take)  # type: ignore[method-assign]


if __name__ == "__main__":
    point, *words = sys.argv[1:]
    kind, _, what = point.partition(":")
    if kind == "note":
        at_note(what)
    else:
        at_write(int(what))
    sys.exit(main(words))
