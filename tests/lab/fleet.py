"""Many guarded machines on loopback, each with its own sshd, policy, log and audit key."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from . import trees
from .host import GuardedHost
from .keys import Key
from .sshd import ADDRESS, Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator


class Machine:
    """One client of the fleet: where it is, and what its enrolment told."""

    def __init__(self, folder: str, name: str, prefix: str) -> None:
        self.name = name
        for part in ("host", "sshd", "keys"):
            os.makedirs(f"{folder}/{name}/{part}")
        self.host = GuardedHost(f"{folder}/{name}/host")
        self.host.prefix = prefix
        self.host.write_policy({"client-audit": ["Audit"],
                                "client-backup": [f"Backup {self.host.data}"]})
        self.sshd = Sshd(f"{folder}/{name}/sshd")
        self.audit_key = Key.generate(f"{folder}/{name}/keys/audit")
        self.backup_key = Key.generate(f"{folder}/{name}/keys/backup")
        self.sshd.authorize([self.host.managed_line("client-audit", self.audit_key),
                             self.host.managed_line("client-backup", self.backup_key)])
        self.sshd.start()
        self.known_hosts = f"{folder}/{name}/keys/known_hosts"
        with open(self.known_hosts, "w", encoding="ascii") as file:
            file.write(f"[{ADDRESS}]:{self.sshd.port} {self.sshd.host_key.public}\n")

    def log_in(self, command: bytes = b"id") -> None:
        """Let the backup key ask for COMMAND, as sshd would run it."""
        self.host.run_guard("client-backup", self.backup_key, command)

    @property
    def inventory(self) -> str:
        """The machine's table of the collector's inventory."""
        return (
            f'[hosts.{self.name}]\naddress = "{ADDRESS}"\nport = {self.sshd.port}\n'
            f'user = "{self.sshd.login.name}"\nkey = "{self.audit_key.path}"\n'
            f'known_hosts = "{self.known_hosts}"\n'
        )


@contextlib.contextmanager
def open_fleet(count: int) -> Iterator[list[Machine]]:
    """Start COUNT machines; at the end nothing is left of them."""
    folder = tempfile.mkdtemp(prefix="bpc-fleet-")
    machines: list[Machine] = []
    try:
        os.chmod(folder, 0o755)
        for number in range(count):
            machines.append(Machine(folder, f"client{number:02}", f"{folder}/guard"))
            if number == 0:
                machines[0].host.install()
        yield machines
    finally:
        for machine in machines:
            machine.sshd.stop()
        trees.remove(folder)
