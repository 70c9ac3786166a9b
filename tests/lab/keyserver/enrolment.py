"""A key server, a machine without any of its keys, and the admin at the terminal between them."""

from __future__ import annotations

import json
import os
import pty
import sys
from typing import TYPE_CHECKING, Any

from bpc_ssh_guard.keys import config
from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.store import Store
from tests.lab.host import CHECKOUT
from tests.lab.process import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.lab.process import Done

    from .machine import Machine

ROOTS = ("--backup", "/srv", "--never", "/srv/never", "--restore", "/srv/restored")
LABELS = ("web1-backup", "web1-restore", "web1-rotate")


class Server:
    """A key server below FOLDER for MACHINE, with nothing but what init made."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder, self.machine = folder, machine
        self.path = str(folder / "config")
        with open(self.path, "w", encoding="ascii") as file:
            file.write(f'[paths]\netc = "{folder}/etc"\nvar = "{folder}/var"\nreader = ""\n'
                       f"{machine.config}")
        assert self.run("init", "--account", "root").returncode == 0

    def argv(self, command: str, *words: str) -> list[str]:
        program = [sys.executable, "-m", "bpc_ssh_guard", "keys"]
        return [*program, command, "--config", self.path, *words]

    def run(self, command: str, *words: str, env: Mapping[str, str] | None = None) -> Done[bytes]:
        environment = {"PATH": os.environ["PATH"], **(env or {})}
        return run(self.argv(command, *words), cwd=CHECKOUT, env=environment)

    def words(self, *more: str) -> list[str]:
        """What an admin says who agrees to everything."""
        return ["web1", "--fingerprint", self.machine.fingerprint, "--identity",
                self.machine.admin.path, *ROOTS, "--yes", *more]

    def enrol(self, *more: str, status: int = 0) -> list[dict[str, Any]]:
        done = self.run("enroll", *self.words(*more), "--json")
        assert done.returncode == status, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def require_enrolled(self) -> None:
        """Require one proved key a label on both sides, and the others' lines as they were."""
        keys = self.machine.path("/root/.ssh/authorized_keys").read_text()
        assert keys.startswith(self.machine.foreign)
        lines = keys[len(self.machine.foreign):].splitlines()
        marks = [line.rsplit(" ", 1)[1].split(":") for line in lines]
        assert sorted(mark[1] for mark in marks) == sorted(LABELS)
        assert all(line.startswith("restrict,command=") for line in lines)
        found = config.load(self.path)
        store = Store(found.database)
        try:
            for label in LABELS[:2]:
                pairs = Pairs(found.pairs("web1", label))
                pair, entry = pairs.current(), store.read("web1", label)
                assert pair is not None and entry is not None
                assert (entry.is_idle, entry.used) == (True, (pair.generation, pair.key_id))
                assert [label, pair.key_id, f"g{pair.generation}"] in [m[1:] for m in marks]
                assert set(pairs.all()) == {pair.generation}
            store.check()
        finally:
            store.close()
        proofs = set(os.listdir(self.machine.path("/var/lib/bpc-ssh-guard/proofs")))
        assert {mark[2] for mark in marks} <= {name[:32] for name in proofs}


def typed(argv: list[str], answers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Run ARGV on a terminal and type each answer when its prompt is shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(CHECKOUT)
            os.environ.pop("SSH_AUTH_SOCK", None)
            os.execvp(argv[0], argv)
        finally:
            os._exit(127)
    seen, left = b"", list(answers)
    try:
        while True:
            seen += os.read(terminal, 65536)
            while left and left[0][0] in seen.rsplit(b"\n", 1)[-1]:
                os.write(terminal, left.pop(0)[1] + b"\n")
                break
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert left == [], seen
    return os.waitstatus_to_exitcode(status), seen
