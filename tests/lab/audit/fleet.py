"""Many client machines on loopback, each with its own sshd, host key, log and audit key."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bpc_ssh_guard.audit import inventory
from bpc_ssh_guard.audit.collect import collect
from bpc_ssh_guard.audit.store import Store
from bpc_ssh_guard.record.begin import begin
from bpc_ssh_guard.record.logs import checkpoint_served
from bpc_ssh_guard.record.segment import name_of
from bpc_ssh_guard.record.sink import Sink
from tests.lab.host import CHECKOUT
from tests.lab.keys import Key
from tests.lab.process import Done, require, run, start
from tests.lab.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpc_ssh_guard.audit.collect import Visit
    from tests.lab.process import Running

LABEL = "audit"


class Client:
    """A machine below FOLDER whose guard is installed under PREFIX; KEY may audit it."""

    def __init__(self, name: str, folder: str, prefix: str, key: Key) -> None:
        self.name = name
        self.folder = folder
        self.machine = f"{folder}/machine"
        os.makedirs(f"{folder}/sshd")
        os.mkdir(self.machine, 0o755)
        self.begun = begin(os.fsencode(self.log), os.fsencode(f"{self.log}/state"))
        self.write_policy("Audit")
        self._key = key
        command = f"{prefix}/sbin/bpc-ssh-guard --policy {folder}/policy {LABEL} {key.keyid}"
        self.sshd = Sshd(f"{folder}/sshd")
        self.sshd.authorize([f'restrict,command="{command}" {key.public}'])

    @property
    def log(self) -> str:
        """The folder of its log, the state in it."""
        return f"{self.machine}/log"

    @property
    def host_line(self) -> str:
        """Its line of a known_hosts file."""
        return f"[127.0.0.1]:{self.sshd.port} {self.sshd.host_key.public}\n"

    def append(self, count: int) -> None:
        """Record COUNT events, as guards do."""
        sink = Sink.open(os.fsencode(self.log), os.fsencode(f"{self.log}/state"))
        for _ in range(count):
            sink.append(checkpoint_served(bytes(16)))
        sink.close()

    def keep_snapshot(self) -> None:
        """Copy the machine's disk, as whoever can put it back does."""
        shutil.copytree(self.machine, f"{self.folder}/snapshot")

    def put_back(self) -> None:
        """Put the copy of the disk back."""
        shutil.rmtree(self.machine)
        shutil.copytree(f"{self.folder}/snapshot", self.machine)

    def write_policy(self, right: str) -> None:
        """Write the policy: the audit key has RIGHT."""
        with open(f"{self.folder}/policy", "w", encoding="ascii") as file:
            file.write(f"Log {self.log}\nKey {LABEL}\n    {right}\n")
        os.chmod(f"{self.folder}/policy", 0o644)

    def lie(self, script: str) -> None:
        """Let the shell's SCRIPT answer instead of the guard, as who owns the machine can."""
        with open(f"{self.folder}/lie", "w", encoding="ascii") as file:
            file.write(f"{script}\n")
        self.sshd.authorize([f'restrict,command="sh {self.folder}/lie" {self._key.public}'])

    def segment_path(self, first: int = 0) -> str:
        """Return the path of the segment that begins with record FIRST."""
        return f"{self.log}/{os.fsdecode(name_of(first))}"

    def segment(self, first: int = 0) -> bytes:
        """Return the bytes of the segment that begins with record FIRST."""
        with open(self.segment_path(first), "rb") as file:
            return file.read()


class Fleet:
    """COUNT clients below FOLDER and an auditor with a store, an inventory and their K_0."""

    def __init__(self, folder: str, count: int) -> None:
        self.store = f"{folder}/store"
        self._folder = folder
        self.key = Key.generate(f"{folder}/audit-key")
        prefix = f"{folder}/guard"
        argv = ["-m", "bpc_ssh_guard", "guardctl", "install", "--prefix", prefix]
        require(run([sys.executable, *argv], cwd=CHECKOUT))
        self.clients = [
            Client(f"web{number}", f"{folder}/web{number}", prefix, self.key)
            for number in range(count)
        ]

    def start(self) -> None:
        """Start every sshd and enrol its client with the auditor."""
        for client in self.clients:
            client.sshd.start()
            self.add_key(client)
        self.write_inventory()

    def stop(self) -> None:
        """End every sshd."""
        for client in self.clients:
            client.sshd.stop()

    def add_key(self, client: Client) -> None:
        """Give the auditor K_0 of CLIENT's log."""
        words = ["key", "--store", self.store, client.begun.chain.hex()]
        require(self._audit(words, f"{client.begun.key.hex()}\n".encode()))

    def write_inventory(self) -> None:
        """Write the inventory and the file of host keys."""
        with open(f"{self._folder}/known_hosts", "w", encoding="ascii") as file:
            file.writelines(client.host_line for client in self.clients)
        with open(f"{self._folder}/inventory", "w", encoding="ascii") as file:
            file.write(
                f'[defaults]\naddress = "127.0.0.1"\nuser = "{self.clients[0].sshd.login.name}"\n'
                f'key = "{self.key.path}"\nknown_hosts = "{self._folder}/known_hosts"\n'
            )
            for client in self.clients:
                file.write(f"[hosts.{client.name}]\nport = {client.sshd.port}\n")

    def collect(self, *words: str, status: int = 0) -> dict[str, dict[str, Any]]:
        """Collect with WORDS and return the visit of each host; STATUS is how it ends."""
        done = self._audit([*self._collect_words(), *words])
        assert done.returncode == status, (done.stdout, done.stderr)
        assert done.stderr == b""
        visits = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(visits) == len({each["host"] for each in visits})
        return {each["host"]: each for each in visits}

    def collect_here(self) -> dict[str, Visit]:
        """Collect in this process and return the visit of each host."""
        hosts = inventory.load(f"{self._folder}/inventory")
        return {each.host: each for each in collect(hosts, Store(self.store))}

    def start_collecting(self, *words: str) -> Running[bytes]:
        """Start a collection with WORDS that goes on by itself."""
        # A shell's background job ignores SIGINT, and so would all that the tests start from there.
        argv = ["env", "--default-signal=INT", *_PROGRAM, *self._collect_words(), *words]
        return start(argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL)

    def verify(self, client: Client) -> Done[bytes]:
        """Verify what is stored of CLIENT, from its first record on."""
        return self._audit(["verify", "--json", "--store", self.store, client.name])

    def stored(self, client: Client, first: int = 0) -> bytes:
        """Return the stored bytes of the segment of CLIENT that begins with record FIRST."""
        name = os.fsdecode(name_of(first))
        try:
            with open(f"{self.store}/{client.name}/segments/{name}", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def _collect_words(self) -> list[str]:
        named = ["--store", self.store, "--inventory", f"{self._folder}/inventory"]
        return ["collect", "--json", "--jobs", "50", *named]

    def _audit(self, words: list[str], stdin: bytes = b"") -> Done[bytes]:
        return run([*_PROGRAM, *words], cwd=CHECKOUT, stdin=stdin)


_PROGRAM = [sys.executable, "-m", "bpc_ssh_guard", "audit"]


@contextlib.contextmanager
def running_fleet(folder: str, count: int) -> Iterator[Fleet]:
    """Give a fleet whose servers end with the block."""
    fleet = Fleet(folder, count)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()
