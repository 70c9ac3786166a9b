"""A whole site on loopback: one guarded host, its sshd and a key for each block of the policy."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from . import trees
from .backuppc import PACKAGE, BackupPcServer, server_account
from .clients import SSH, SshClient
from .host import GuardedHost
from .keys import Key
from .sshd import SSHD, Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAMS = (
    SSHD,
    SSH,
    "/usr/bin/rsync",
    "/bin/tar",
    f"{PACKAGE}/bin/BackupPC_dump",
    "/usr/libexec/backuppc-rsync/rsync_bpc",
    "/usr/bin/setfacl",
)


class Site:
    """The host, its sshd and its keys below one short folder that every account may pass."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        for name in ("host", "sshd", "ssh", "pc"):
            os.mkdir(f"{folder}/{name}")
        self.host = GuardedHost(f"{folder}/host")
        self.sshd = Sshd(f"{folder}/sshd")
        self.keys: dict[str, Key] = {}
        self._blocks: dict[str, tuple[str, ...]] = {}

    def add_key(self, label: str, *block: str) -> Key:
        """Make a key for LABEL; BLOCK is its part of the policy."""
        self.keys[label] = Key.generate(f"{self.folder}/ssh/{label}")
        self._blocks[label] = block
        return self.keys[label]

    def enrol(self, options: Mapping[Key, str] | None = None) -> None:
        """Write the policy and authorized_keys; OPTIONS stand in place of `restrict`."""
        chosen = options or {}
        self.host.write_policy(self._blocks)
        self.sshd.authorize(
            self.host.managed_line(label, key, chosen.get(key, "restrict"))
            for label, key in self.keys.items()
        )

    def client(self, label: str) -> SshClient:
        """Return ssh with the key of LABEL; BackupPC's account may use it too."""
        return self.client_of(self.sshd, f"{self.folder}/ssh", label)

    def client_of(self, sshd: Sshd, folder: str, label: str) -> SshClient:
        """Return ssh with the key of LABEL to another server, with its files in FOLDER."""
        return SshClient(folder, label, self.keys[label], sshd, server_account())


@contextlib.contextmanager
def open_site() -> Iterator[Site]:
    """Install the guard on a new site and start its sshd; at the end nothing is left of it."""
    missing = [path for path in PROGRAMS if not os.access(path, os.X_OK)]
    if missing:
        raise RuntimeError(f"the lab needs {', '.join(missing)}; install them with: .ci/install")
    # Short, since the path of BackupPC's socket holds 107 bytes; open, since it runs as backuppc.
    folder = tempfile.mkdtemp(prefix="bpc-lab-")
    try:
        os.chmod(folder, 0o755)
        site = Site(folder)
        site.host.install()
        site.sshd.start()
        try:
            yield site
        finally:
            site.sshd.stop()
    finally:
        trees.remove(folder)


@contextlib.contextmanager
def open_backuppc(site: Site) -> Iterator[BackupPcServer]:
    """Start a BackupPC server beside SITE."""
    server = BackupPcServer(f"{site.folder}/pc")
    try:
        server.start()
        yield server
    finally:
        server.stop()
