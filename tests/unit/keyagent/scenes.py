"""A client whose keys a rotation key replaces; the guard runs as sshd would run it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from binascii import b2a_base64
from typing import Any

from bpc_ssh_guard.authorized_keys import ManagedLine, key_id
from bpc_ssh_guard.policy import load
from bpc_ssh_guard.policy.model import Policy
from tests import command_log

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
PROGRAM = b"/usr/sbin/bpc-ssh-guard"
POLICY = """\
Log {root}/log
AuthorizedKeys {root}/ssh/authorized_keys
Confine {confine}
Key backup
    Backup  {root}/data
    From    192.0.2.7
    Certificates web1
Key restore
    Restore {root}/restored
    Grants  remote
    Certificates web1
Key local-restore
    Restore {root}/restored
Key free-restore
    Restore {root}/restored
    Window  always
Key other
    Backup  {root}/data
Key rotate
    Rotate  backup restore local-restore free-restore
"""
START = (
    "import os, sys; sys.path.insert(0, sys.argv[1]); from bpc_ssh_guard.guard import main;"
    " os._exit(main(sys.argv[2:]))"
)
FOREIGN = b'ssh-ed25519 AAAA odd  spacing\t# and \xff bytes "'
ROTATE, BACKUP, RESTORE, OTHER, NEW, NEXT = range(1, 7)  # numbers of keys


def blob(number: int) -> bytes:
    """Return the key NUMBER, of which nobody has the private half."""
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32


def keyid(number: int) -> str:
    return key_id(blob(number)).decode()


def public(number: int) -> str:
    """Return the key NUMBER as a request gives it."""
    return "ssh-ed25519 " + b2a_base64(blob(number), newline=False).decode()


class Client:
    """Everything lies below ROOT, which nobody else can change."""

    def __init__(self, root: str, confine: str = "best-effort") -> None:
        self.root = root
        for name in ("log", "data", "restored", "ssh", "etc"):
            os.makedirs(f"{root}/{name}", mode=0o700)
        command_log.begin(f"{root}/log")
        self.policy_path = f"{root}/etc/policy"
        self.keys_file = f"{root}/ssh/authorized_keys"
        self.confine = confine
        self.write_policy(POLICY)
        self.begin_again()

    def write_policy(self, text: str) -> None:
        with open(self.policy_path, "w", encoding="utf-8") as file:
            file.write(text.format(root=self.root, confine=self.confine))
        os.chmod(self.policy_path, 0o644)

    @property
    def policy(self) -> Policy:
        return load.load(os.fsencode(self.policy_path))

    @property
    def state(self) -> str:
        return f"{self.root}/log/state"

    def line(self, label: str, number: int, generation: int = 1, **changes: Any) -> bytes:
        """Return the managed line of the key NUMBER as the policy has it."""
        networks = (b"192.0.2.7",) if label == "backup" else ()
        parts = {
            "program": PROGRAM, "label": label.encode(), "key": (b"ssh-ed25519", blob(number)),
            "generation": generation, "networks": networks,
            "policy": os.fsencode(self.policy_path), **changes,
        }
        return ManagedLine(**parts).compose()

    def begin_again(self) -> None:
        """Write the keys file as an admin has left it, without any proof or leftover."""
        for folder in (f"{self.root}/ssh", f"{self.state}/proofs"):
            with contextlib.suppress(FileNotFoundError):
                for name in os.listdir(folder):
                    os.unlink(f"{folder}/{name}")
        self.write_keys(
            b"# a note", FOREIGN, self.line("backup", BACKUP), self.line("restore", RESTORE),
            self.line("other", OTHER), b"", self.line("rotate", ROTATE),
        )

    def write_keys(self, *lines: bytes, mode: int = 0o600) -> None:
        with open(self.keys_file, "wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
        os.chmod(self.keys_file, mode)

    def read_keys(self) -> bytes:
        with open(self.keys_file, "rb") as file:
            return file.read()

    def lines_of(self, label: str) -> list[ManagedLine]:
        """Return the managed lines of LABEL."""
        from bpc_ssh_guard.authorized_keys import parse

        lines = (ManagedLine.from_line(parse(raw)) for raw in self.read_keys().split(b"\n"))
        return [line for line in lines if line is not None and line.mark.label == label.encode()]

    def others(self, label: str) -> list[bytes]:
        """Return all lines but those of LABEL."""
        mark = f" bpc-ssh-guard:{label}:".encode()
        return [raw for raw in self.read_keys().split(b"\n") if mark not in raw]

    def argv(self, label: str, key: str) -> list[str]:
        """Return what sshd would start for the line of KEY, its KEYID, of LABEL."""
        words = ["--policy", self.policy_path, label, key]
        return ["/usr/bin/python3", "-ISB", "-c", START, CHECKOUT, *words]

    def environment(self, command: str | None) -> dict[str, str]:
        env = {"PATH": "/usr/bin:/bin", "SSH_CONNECTION": "192.0.2.7 40112 192.0.2.1 22"}
        return env if command is None else {**env, "SSH_ORIGINAL_COMMAND": command}

    def run(
        self, label: str, number: int, command: str | None, *prefix: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the guard for the key NUMBER of LABEL, behind the program PREFIX."""
        return self.run_as(label, keyid(number), command, *prefix)

    def run_as(
        self, label: str, key: str, command: str | None, *prefix: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the guard for the line of KEY, its KEYID, of LABEL, behind the program PREFIX."""
        return subprocess.run(
            [*prefix, *self.argv(label, key)], env=self.environment(command),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )

    def ask(self, request: str, *prefix: str) -> dict[str, Any]:
        """Return the answer to REQUEST of the rotation key."""
        done = self.run("rotate", ROTATE, f"bpc-key/1 {request}", *prefix)
        assert done.stdout.count("\n") == 1, done
        answer: dict[str, Any] = json.loads(done.stdout)
        assert answer["v"] == 1
        assert answer["ok"] == (done.returncode == 0)
        return answer

    def done(self, request: str) -> str:
        """Return the result of REQUEST, which is done."""
        answer = self.ask(request)
        assert answer["ok"], answer
        return str(answer["result"])

    def refused(self, request: str) -> str:
        """Return the error of REQUEST, which is refused and changes nothing."""
        before = self.read_keys()
        answer = self.ask(request)
        assert not answer["ok"], answer
        assert self.read_keys() == before
        return str(answer["error"])

    def greet(self, label: str, number: int) -> str:
        """Log in with the key NUMBER of LABEL; return what it is told."""
        done = self.run(label, number, None)
        assert done.returncode == 126, done
        return done.stdout.rstrip("\n").partition("generation=")[2]

    def listed(self, label: str) -> list[dict[str, Any]]:
        return [key for key in self.ask("list")["keys"] if key["label"] == label]

    def records(self) -> list[dict[str, Any]]:
        return command_log.records(f"{self.root}/log")
