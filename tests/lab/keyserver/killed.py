"""Run bpc-ssh-keys and kill it at one point: `python3 -m tests.lab.keyserver.killed POINT WORD...`.

POINT is `before:STATE` or `after:STATE` for the moment around the commit of a state, and one of
STEPS for a moment within a change of the key files.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bpc_ssh_guard.cli.keys import main
from bpc_ssh_guard.keys import files
from bpc_ssh_guard.keys.store import Store

if TYPE_CHECKING:
    from bpc_ssh_guard.keys.journal import Entry

STEPS = ("half-a-pair", "link-beside", "half-removed")


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit("not killed")


def _at_commit(when: str, state: str) -> None:
    write = Store.write

    def killed(self: Store, entry: Entry, what: str) -> None:
        if when == "before" and entry.state == state:
            _die()
        write(self, entry, what)
        if when == "after" and entry.state == state:
            _die()

    Store.write = killed  # type: ignore[method-assign]


def _in_files(step: str) -> None:
    if step == "half-a-pair":
        write = files.Pairs._write

        def half(self: files.Pairs, name: str, data: bytes) -> None:
            write(self, name, data)
            _die()

        files.Pairs._write = half  # type: ignore[method-assign]
    elif step == "link-beside":
        rename = os.rename

        def beside(source: str, target: str) -> None:
            if str(target).endswith(f"/{files.CURRENT}"):
                _die()
            rename(source, target)

        os.rename = beside  # type: ignore[assignment]
    else:
        _at_unlink()


def _at_unlink() -> None:
    unlink = Path.unlink

    def once(self: Path, missing_ok: bool = False) -> None:
        unlink(self, missing_ok=missing_ok)
        if self.name == "g1":
            _die()

    Path.unlink = once  # type: ignore[method-assign]


if __name__ == "__main__":
    point, *words = sys.argv[1:]
    if point in STEPS:
        _in_files(point)
    else:
        _at_commit(*point.split(":"))
    sys.exit(main(words))
