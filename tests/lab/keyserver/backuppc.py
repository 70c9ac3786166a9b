"""A real BackupPC whose keys bpc-ssh-keys keeps, and a client for each way to transfer."""

from __future__ import annotations

import contextlib
import grp
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from bpc_ssh_guard.keys.config import Purpose
from bpc_ssh_guard.keys.durable import FILE_MODE, FOLDER_MODE
from bpc_ssh_guard.keys.files import Pairs, group_of
from tests import command_log
from tests.lab import trees
from tests.lab.backuppc import BackupPcServer, server_account
from tests.lab.host import CHECKOUT, CommandLog
from tests.lab.process import require, run
from tests.lab.sshd import Sshd

from .world import KeyServer, LabClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

METHODS = ("rsync", "tar")


class BackupServer(KeyServer):
    """The key server beside BackupPC, which reads keys and stanzas by its group."""

    reader = grp.getgrgid(server_account().gid).gr_name if os.geteuid() == 0 else ""

    @property
    def top_dir(self) -> str:
        """BackupPC's TopDir."""
        return f"{os.path.dirname(self.folder)}/pc/top"

    def pairs(self, label: str) -> Pairs:
        """Return the pairs of LABEL, which BackupPC's group reads."""
        return Pairs(super().pairs(label).folder, group_of(self.reader))

    def enrol(self, client: LabClient) -> None:
        """Give CLIENT its first keys, and BackupPC's group the way to them."""
        for path in (self.config.etc, self.config.known_hosts, self.config.var):
            _hand_over(str(path), FOLDER_MODE)
        super().enrol(client)
        _hand_over(str(self.config.known_hosts / client.name), FILE_MODE)


class BackupPcWorld:
    """A BackupPC and the server of its keys below FOLDER, with a client NAME for each of NAMES.

    SETTINGS are lines of each client's sshd_config.
    """

    def __init__(self, folder: str, names: Sequence[str], settings: Sequence[str] = ()) -> None:
        self.folder = folder
        prefix = f"{folder}/guard"
        argv = ["-m", "bpc_ssh_guard", "guardctl", "install", "--prefix", prefix]
        require(run([sys.executable, *argv], cwd=CHECKOUT))
        self.clients = {name: LabClient(name, f"{folder}/{name}", prefix) for name in names}
        if settings:
            for client in self.clients.values():
                os.mkdir(f"{client.folder}/sshd-set")
                client.sshd = Sshd(f"{client.folder}/sshd-set", settings)
                client.write_policy()
        self.logs = {name: CommandLog(command_log.first_segment(f"{folder}/{name}/log"))
                     for name in names}
        os.mkdir(f"{folder}/pc")
        self.backuppc = BackupPcServer(f"{folder}/pc")

    def start(self) -> None:
        """Start every sshd and BackupPC; enrol the clients and render their files."""
        for client in self.clients.values():
            client.sshd.start()
        self.backuppc.start()
        self.keys = BackupServer(f"{self.folder}/server", list(self.clients.values()))
        for client in self.clients.values():
            self.keys.enrol(client)
        self.keys.run("render")

    def stop(self) -> None:
        """End BackupPC and every sshd."""
        self.backuppc.stop()
        for client in self.clients.values():
            client.sshd.stop()

    def add_host(self, name: str, method: str, alias: str = "127.0.0.1") -> None:
        """Make the client NAME known to BackupPC at ALIAS, its data to be taken by METHOD."""
        self.backuppc.add_stock_host(name, method, [self.data(name)], alias)

    def data(self, name: str) -> str:
        """Return the share of NAME."""
        return f"{self.clients[name].folder}/data"

    def restored(self, name: str) -> str:
        """Return the folder of NAME that restores go to."""
        return f"{self.clients[name].folder}/restored"

    def empty(self, name: str) -> None:
        """Take what was restored on NAME away."""
        trees.remove(self.restored(name))
        os.mkdir(self.restored(name))

    def used(self, name: str, mark: int) -> list[tuple[str, str]]:
        """Return label and KEYID of each command that NAME's guard has started after MARK."""
        return [(record["bpc.key.label"], record["bpc.key.id"])
                for record in self.logs[name].settled(mark) if is_start(record)]

    def in_use(self, name: str, purpose: str = Purpose.BACKUP) -> tuple[str, str]:
        """Return label and KEYID of the key that BackupPC has for PURPOSE of NAME."""
        label = f"{name}-{purpose}"
        return label, self.keys.current(label).key_id

    def soak_begins(self, name: str) -> None:
        """Wait until a run of NAME's new key can be told from the login that has proven it."""
        entry = self.keys.entry(f"{name}-{Purpose.BACKUP}")
        time.sleep(max(0.0, entry.changed + 3 - time.time()))


def is_start(record: dict[str, Any]) -> bool:
    """Tell whether RECORD is that of a command's start."""
    return bool(record["event.action"] == "command-started")


def _hand_over(path: str, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, 0, server_account().gid)
    os.chmod(path, mode)


@contextlib.contextmanager
def open_backuppc_world(
    names: Sequence[str], settings: Sequence[str] = ()
) -> Iterator[BackupPcWorld]:
    """Give a world with clients NAMES, with SETTINGS of sshd, whose servers end with the block."""
    folder = tempfile.mkdtemp(prefix="bpc-keys-")  # short, as a socket's path holds 107 bytes
    try:
        os.chmod(folder, 0o755)
        world = BackupPcWorld(folder, names, settings)
        try:
            world.start()
            yield world
        finally:
            world.stop()
    finally:
        trees.remove(folder)
