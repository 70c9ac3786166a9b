"""What the checks look at: one server's files, accounts, settings, all below one root folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Optional, Union

from ..backuppc.accounts import Accounts
from ..backuppc.disk import Disk
from ..backuppc.layout import Layout, find_layout
from ..backuppc.perl.values import octets
from ..backuppc.settings import Settings, Value
from ..backuppc.undecided import Undecided
from .probe.daemon import Daemon, examine

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Site:
    """A BackupPC server. Every path the checks use is the server's own ("/etc/backuppc").

    `disk` opens them below the root folder; `live` says whether probes may be made.
    """

    disk: Disk
    accounts: Accounts
    layout: Layout
    settings: Settings
    live: bool = False

    @classmethod
    def open(cls, root: Path, live: bool = False) -> Site:
        """Return the server below ROOT; raise NoBackupPC where there is none."""
        disk = Disk(root)
        accounts = Accounts.read(disk)
        layout = find_layout(disk)
        return cls(disk, accounts, layout, Settings.read(disk, layout), live)

    def setting(self, name: str, host: Optional[str] = None) -> Value:
        """Return the effective $Conf{NAME}, for HOST or the server; None where it isn't set.

        Raise Undecided where the file can't be read as plain data.
        """
        return self.settings.value(name, host)

    @property
    def user(self) -> str:
        """Return the name of the account that BackupPC runs as."""
        value = self.setting("BackupPCUser")
        return value if isinstance(value, str) and value else "backuppc"

    def uid(self) -> int:
        """Return the number of that account; raise Undecided where it isn't in passwd."""
        account = self.accounts.user(self.user)
        if account is None:
            raise Undecided(self.user, "no such account in /etc/passwd")
        return account.uid

    def daemon(self) -> Daemon:
        """Return the running server, asked once for all checks; raise Undecided."""
        if isinstance(self._daemon, Undecided):
            raise self._daemon
        return self._daemon

    @cached_property
    def _daemon(self) -> Union[Daemon, Undecided]:
        if not self.live:
            return Undecided("server", "the running server is asked only with --live")
        try:
            socket = f"{self.settings.folder('RunDir')}/BackupPC.sock"
            trusted = frozenset({self.disk.superuser, self.uid()})
            return examine(self.disk, socket, trusted, self._secret())
        except Undecided as error:
            return error

    def _secret(self) -> Optional[bytes]:
        """Return the secret of the server socket; None where the file doesn't tell."""
        try:
            value = self.setting("ServerMesgSecret")
        except Undecided:
            return None
        return octets(value) if isinstance(value, str) else b""
