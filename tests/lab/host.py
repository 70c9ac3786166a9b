"""The client machine of the lab: its folders, the installed guard, its policy and its log."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from tests import command_log

from .comparison import snapshot
from .process import Done, require, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .comparison import Tree
    from .keys import Key

Record = dict[str, Any]
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONNECTION = "127.0.0.1 40112 127.0.0.1 22"


class CommandLog:
    """The guard's records, read as whole lines of ASCII JSON; anything else in there raises."""

    def __init__(self, path: str) -> None:
        self.path = path

    def mark(self) -> int:
        """Return the present end of the log, to read on from."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def since(self, mark: int) -> list[Record]:
        """Return the records after MARK but the log's own."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as file:
            file.seek(mark)
            lines = file.read().decode("ascii").split("\n")
        records = [json.loads(line) for line in lines[:-1]]
        return [each for each in records if each["event.action"] not in command_log.OWN]

    def started(self, mark: int) -> Record:
        """Return the first record after MARK, that of a command's start, as soon as it is there."""
        record = wait_for("the command's start", lambda: self.since(mark))[0]
        if record["event.action"] != "command-started":
            raise ValueError(f"not a start: {record}")
        return record

    def settled(self, mark: int) -> list[Record]:
        """Return the records after MARK once every started command has its end."""
        wait_for("every started command has ended", lambda: not unfinished(self.since(mark)))
        with open(self.path, "rb") as file:
            torn = not file.read().endswith(b"\n")
        if torn:
            raise ValueError(f"{self.path}: the last line is torn")
        return self.since(mark)


def unfinished(records: Iterable[Record]) -> set[str]:
    """Return the ids of the commands in RECORDS that started and have not ended."""
    started: set[str] = set()
    for record in records:
        if record["event.action"] == "command-started":
            started.add(record["process.entity_id"])
        elif record["event.action"] == "command-ended":
            started.discard(record["process.entity_id"])
    return started


class GuardedHost:
    """A machine below FOLDER with the guard installed under a prefix of its own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.prefix = f"{folder}/guard"
        self.policy = f"{folder}/etc/policy"
        self.data = f"{folder}/data"
        self.restored = f"{folder}/restored"
        self.log = CommandLog(command_log.first_segment(f"{folder}/log"))
        for path in ("etc", "log", "guard", "data", "restored"):
            os.makedirs(f"{folder}/{path}")
        os.chmod(f"{folder}/log", 0o700)
        self.begun = command_log.begin(f"{folder}/log")

    @property
    def launcher(self) -> str:
        """The program of the forced command."""
        return f"{self.prefix}/sbin/bpc-ssh-guard"

    def state(self) -> Tree:
        """Return everything on the machine but log and state, which change by every attempt."""
        return {path: entry for path, entry in snapshot(self.folder).items()
                if not path.startswith(b"log/")}

    def forget_refusals(self) -> None:
        """Begin the count of refusals anew, as the loss of the log's notes does."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/log/state/aux")

    def install(self) -> None:
        """Install the guard's part of this checkout, as an admin would."""
        argv = ["-m", "bpc_ssh_guard", "guardctl", "install", "--prefix", self.prefix]
        require(run([sys.executable, *argv], cwd=CHECKOUT))

    def write_policy(self, blocks: Mapping[str, Iterable[str]]) -> None:
        """Write the policy: under each label of BLOCKS its lines."""
        lines = [f"Log {os.path.dirname(self.log.path)}"]
        for label, block in blocks.items():
            lines += ["", f"Key {label}", *(f"    {line}" for line in block)]
        with open(self.policy, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.chmod(self.policy, 0o644)

    def forced_command(self, label: str, key: Key) -> list[str]:
        """Return the words that sshd runs for KEY."""
        return [self.launcher, "--policy", self.policy, label, key.keyid]

    def managed_line(self, label: str, key: Key, options: str = "restrict") -> str:
        """Return KEY's line for authorized_keys, in the form that guardctl composes."""
        command = " ".join(self.forced_command(label, key))
        comment = f"bpc-ssh-guard:{label}:{key.keyid}:g1"
        return f'{options},command="{command}" {key.public} {comment}'

    def authorize_argv(self, label: str, key: Key, *options: str) -> list[str]:
        """Return what composes KEY's line by guardctl; OPTIONS may add it to a file."""
        named = ["--policy", self.policy, "--program", self.launcher]
        return [f"{self.launcher}ctl", "authorize", *named, *options, label, f"{key.path}.pub"]

    def run_guard(
        self,
        label: str,
        key: Key,
        command: bytes,
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        cwd: str = "/",
    ) -> Done[bytes]:
        """Run the forced command as sshd would, with COMMAND as the original command."""
        env = {
            "PATH": "/usr/bin:/bin",
            "SSH_CONNECTION": CONNECTION,
            "SSH_ORIGINAL_COMMAND": os.fsdecode(command),
            **(environment or {}),
        }
        return run(self.forced_command(label, key), env=env, cwd=cwd, stdin=stdin)
