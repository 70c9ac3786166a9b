"""A throw-away sshd on 127.0.0.1, set up as an admin's stock one, that lets one account in."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING

from .keys import Key
from .process import Account, Running, start, terminate, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

SSHD = "/usr/sbin/sshd"
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
ADDRESS = "127.0.0.1"


class Sshd:
    """One server with its own port, host key, authorized_keys and log, all below FOLDER.

    What `restrict` forbids is left allowed here, as in a stock sshd_config.
    """

    def __init__(self, folder: str, extra: Iterable[str] = ()) -> None:
        self.folder = folder
        self.login = Account.current()
        self.port = 0
        self.host_key = Key.generate(f"{folder}/host_key")
        self._extra = tuple(extra)
        self._process: Running[bytes] | None = None
        self.authorize(())

    @property
    def authorized_keys(self) -> str:
        """The file that names who may log in."""
        return f"{self.folder}/authorized_keys"

    @property
    def log_path(self) -> str:
        """The file that takes the server's own messages."""
        return f"{self.folder}/log"

    @property
    def pid(self) -> int:
        """The process id of the listening server."""
        if self._process is None:
            raise RuntimeError("sshd is not running")
        return self._process.pid

    def authorize(self, lines: Iterable[str]) -> None:
        """Replace authorized_keys by LINES; sshd reads it anew for each login."""
        fresh = f"{self.authorized_keys}.new"
        with open(fresh, "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.rename(fresh, self.authorized_keys)

    def start(self) -> None:
        """Start the server on a free port."""
        if self.login.uid == 0:
            # Where sshd drops its privileges to; the package's service makes it at each boot.
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        for _ in range(5):  # another program may take the port first
            self.port = free_port()
            self._write_config()
            if self._listens():
                return
        raise RuntimeError(f"sshd does not start: {self.log()}")

    def stop(self) -> None:
        """End the listening server by its process id."""
        if self._process is not None:
            terminate(self._process)
            self._process = None

    def log(self) -> str:
        """Return what the server has said."""
        with open(self.log_path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def _listens(self) -> bool:
        with open(self.log_path, "wb") as log:
            process = start(
                [SSHD, "-D", "-e", "-f", f"{self.folder}/sshd_config"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log.fileno(),
            )
        wait_for(
            "sshd listens",
            lambda: "Server listening on" in self.log() or process.poll() is not None,
        )
        if process.poll() is not None:
            return False
        self._process = process
        return True

    def _write_config(self) -> None:
        lines = (
            f"Port {self.port}",
            f"ListenAddress {ADDRESS}",
            f"HostKey {self.host_key.path}",
            f"PidFile {self.folder}/pid",
            f"AuthorizedKeysFile {self.authorized_keys}",
            "StrictModes no",  # below a world-writable folder it refuses every key
            f"UsePAM {'yes' if _is_locked(self.login) else 'no'}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin forced-commands-only",
            "LogLevel VERBOSE",
            "MaxStartups 100:30:200",
            f"Subsystem sftp {SFTP_SERVER}",
            "X11Forwarding yes",
            # bash as login shell then leaves out the account's own ~/.bashrc (shell.c, run_by_ssh):
            # what that prints or costs is not the lab's.
            "SetEnv SHLVL=1",
            *self._extra,
        )
        with open(f"{self.folder}/sshd_config", "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_locked(account: Account) -> bool:
    """Tell whether sshd without PAM would turn ACCOUNT away: its password begins with `!`."""
    if os.geteuid() != 0:
        return False
    with open("/etc/shadow", encoding="utf-8") as file:
        return any(line.startswith(f"{account.name}:!") for line in file)
