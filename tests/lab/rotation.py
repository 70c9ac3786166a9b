"""A site whose keys a rotation key replaces, and that key's side of the protocol bpc-key/1."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from tests import command_log

from .clients import SshClient
from .keys import Key
from .process import Account
from .site import Site, open_site

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = (
    "# an admin's own note, kept  as it is",
    (
        'from="192.0.2.9",command="/bin/true" ssh-ed25519 '
        "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f someone else"
    ),
)


class RotatedSite:
    """A SITE with a key to back up, two to restore, and the rotation key of all three."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host, self.sshd, self.folder, self.keys = site.host, site.sshd, site.folder, site.keys
        site.add_key("backup", f"Backup {self.host.data}", "From 127.0.0.1")
        site.add_key("restore", f"Restore {self.host.restored}", "Grants remote")
        site.add_key("local-restore", f"Restore {self.host.restored}")
        site.add_key("other", f"Backup {self.host.data}")
        site.add_key("rotate", "Rotate backup restore local-restore", "From 127.0.0.1")
        self.begin_again()

    def begin_again(self) -> None:
        """Write policy and authorized_keys as an admin has left them, without any proof."""
        self.site.enrol()
        with open(self.host.policy, encoding="utf-8") as file:
            policy = file.read()
        with open(self.host.policy, "w", encoding="utf-8") as file:
            file.write(f"AuthorizedKeys {self.sshd.authorized_keys}\n{policy}")
        origin = {"backup", "rotate"}
        lines = []
        for label, key in self.keys.items():
            line = self.host.managed_line(label, key)
            words = line.partition(" ssh-ed25519 ")
            end = ',from="127.0.0.1"' if label in origin else ""
            lines.append(words[0] + end + words[1] + words[2])
        self.sshd.authorize([FOREIGN[0], *lines, FOREIGN[1]])
        for name in ("proofs", "grants"):
            with contextlib.suppress(FileNotFoundError):
                for each in os.listdir(f"{self.state}/{name}"):
                    os.unlink(f"{self.state}/{name}/{each}")

    @property
    def state(self) -> str:
        """The guard's state folder."""
        return f"{os.path.dirname(self.host.log.path)}/state"

    def lines(self) -> list[str]:
        """Return the lines of authorized_keys."""
        with open(self.sshd.authorized_keys, encoding="ascii") as file:
            return file.read().splitlines()

    def lines_of(self, label: str) -> list[str]:
        """Return the managed lines of LABEL."""
        return [line for line in self.lines() if f" bpc-ssh-guard:{label}:" in line]

    def others(self) -> list[str]:
        """Return all lines but those of the labels that are rotated."""
        ours = [line for label in ("backup", "restore", "local-restore")
                for line in self.lines_of(label)]
        return [line for line in self.lines() if line not in ours]

    def ask(self, request: str) -> dict[str, Any]:
        """Return the answer to REQUEST of the rotation key; its status says the same."""
        return self.ask_as("rotate", request)

    def ask_as(self, label: str, request: str) -> dict[str, Any]:
        """Return the answer to REQUEST of LABEL's key."""
        done = self.site.client(label).run(f"bpc-key/1 {request}")
        if done.stdout.count(b"\n") != 1:
            raise ValueError(f"no answer: {done}")
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["ok"] != (done.returncode == 0):
            raise ValueError(f"exit {done.returncode} with {answer}")
        return answer

    def new_key(self) -> Key:
        """Return a new key that stands nowhere yet."""
        number = len(os.listdir(f"{self.folder}/ssh"))
        return Key.generate(f"{self.folder}/ssh/new{number}")

    def login(self, key: Key) -> SshClient:
        """Return ssh with KEY."""
        name = os.path.basename(key.path)
        return SshClient(f"{self.folder}/ssh", name, key, self.sshd, Account.current())

    def greeting(self, key: Key) -> str:
        """Return what a login of KEY without a command is told, empty where it is turned away."""
        return self.login(key).run().stdout.decode("ascii")

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the log."""
        return command_log.records(os.path.dirname(self.host.log.path))


@contextlib.contextmanager
def open_rotated_site() -> Iterator[RotatedSite]:
    """Install the guard on a new site and start its sshd; at the end nothing is left of it."""
    with open_site() as plain:
        yield RotatedSite(plain)
