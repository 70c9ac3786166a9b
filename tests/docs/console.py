"""The commands that a document shows, run with its policy on a machine below a temporary folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bpc_ssh_guard.authorized_keys import parse_file
from tests import command_log

from . import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = pages.PROJECT / "authorized_keys.example"
SEND = "rsync --server --sender -lHogDtpre.iLsfxC . /home/"
GRANT = "bpc-ssh-guardctl grant web1-restore --for 2h --reason 'ticket 4711'"
KEY_ID = "37c7507ba3612e690939d80e569a2f82"
CONNECTION = "192.0.2.7 40112 198.51.100.7 22"
# A program that ends at once, and what the guard looks for in rsync: the page's output doesn't
# depend on this machine's version.
RSYNC = Path("/usr/bin/true").read_bytes() + b"\0confine-root\0drop-D\0"


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of BLOCK, which a prompt introduces, and the output shown below it."""
    typed = ""
    output: list[str] = []
    for line in block.splitlines():
        if re.match("[#$] ", line) and not _goes_on(typed):
            if typed:
                yield typed, "".join(output)
            typed, output = line[2:], []
        elif _goes_on(typed):
            typed += f"\n{line}"
        else:
            output.append(f"{line}\n")
    yield typed, "".join(output)


def _goes_on(typed: str) -> bool:
    return typed.endswith(("\\", "|")) or typed.count("'") % 2 == 1


class Machine:
    """A client with the policy of a document; its paths stand for those that the document names."""

    def __init__(self, folder: Path, policy: str, with_log: bool = True) -> None:
        self.folder = folder
        self.moved = {
            "/etc/bpc-ssh-guard": f"{folder}/etc",
            "/var/log/bpc-ssh-guard": f"{folder}/log",
            "/var/lib/bpc-ssh-guard": f"{folder}/log/state",
            "/root/.ssh": f"{folder}/ssh",
        }
        for name in ("etc", "ssh", "bin", "log"):
            (folder / name).mkdir(mode=0o700)
        if with_log:
            command_log.begin(folder / "log")
        self._write("bin/rsync", RSYNC)
        policy = f"Log {folder}/log\nRsync {folder}/bin/rsync\n{policy}"
        self._write("etc/policy", policy.encode())
        # Logins leave their records whatever the kernel under a test can hide or hold.
        self._write("etc/logins", f"Confine best-effort\n{policy}".encode())
        self._write("bin/bpc-ssh-guardctl", self._guardctl().encode())
        (key,) = [line for line in parse_file(EXAMPLE.read_bytes())
                  if line.comment and b":web1-backup:" in line.comment]
        self._write("web1-backup.pub", b" ".join(key.raw.split(b" ")[-3:-1]) + b" web1\n")

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)

    def _guardctl(self) -> str:
        """Return a program that is guardctl with this machine's policy."""
        return (
            "#!/bin/sh\ncommand=$1\nshift\n"
            f'exec {sys.executable} -m bpc_ssh_guard guardctl "$command"'
            f' --policy {self.folder}/etc/policy "$@"\n'
        )

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(pages.PROJECT), "PYTHONDONTWRITEBYTECODE": "1",
        }

    def log_in(self, command: str | None) -> subprocess.CompletedProcess[str]:
        """Ask the guard for COMMAND, as sshd does at a login; return how it ended."""
        asked = {} if command is None else {"SSH_ORIGINAL_COMMAND": command}
        argv = [sys.executable, "-m", "bpc_ssh_guard", "guard",
                "--policy", f"{self.folder}/etc/logins", "web1-backup", KEY_ID]
        return subprocess.run(
            argv, env={**self._environment, **asked, "SSH_CONNECTION": CONNECTION}, cwd="/",
            stdin=subprocess.DEVNULL, capture_output=True, encoding="ascii",
            timeout=pages.SECONDS, check=False,
        )

    def run(self, typed: str) -> str:
        """Return what the command TYPED prints, in the names of the document."""
        for name, place in self.moved.items():
            typed = typed.replace(name, place)
        done = subprocess.run(
            ["sh", "-c", typed], env=self._environment, cwd=self.folder, encoding="utf-8",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=pages.SECONDS, check=False,
        )
        output = done.stdout.replace(f"{self.folder}/bin/rsync", "/usr/bin/rsync")
        for name, place in self.moved.items():
            output = output.replace(place, name)
        return output


def without_times(output: str) -> str:
    """Return OUTPUT with every time of a record as one word."""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", "TIME", output)


def example_lines() -> list[str]:
    """Return the lines of authorized_keys.example that hold a key."""
    with open(EXAMPLE, encoding="ascii") as file:
        return [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
