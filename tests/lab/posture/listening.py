"""A real BackupPC daemon with a TCP port, asked by the probe, in a network namespace of its own.

The daemon binds every address, so run this below `unshare --net`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from bpc_ssh_guard.backuppc.accounts import Accounts
from bpc_ssh_guard.backuppc.disk import Disk
from bpc_ssh_guard.backuppc.layout import LAYOUTS
from bpc_ssh_guard.backuppc.settings import Settings
from bpc_ssh_guard.posture.checks.socket import CHECKS
from bpc_ssh_guard.posture.probe import daemon, process
from bpc_ssh_guard.posture.site import Site
from tests.lab.backuppc import BackupPcServer
from tests.lab.process import wait_for

PORT, SECRET = 23590, "q8Zr3uVx0LmT7yKc5NbW2eHjA9sDfG4p"


def _states(server: BackupPcServer) -> dict[str, list[str]]:
    """Return what each check of the section says of SERVER, asked live."""
    disk = Disk(Path("/"))
    layout = replace(LAYOUTS[0], conf_dir=f"{server.folder}/conf")
    site = Site(disk, Accounts.read(disk), layout, Settings.read(disk, layout), live=True)
    return {check.id: [f"{each.state.value} {each.subject}" for each in check().judge(site)]
            for check in CHECKS}


def _told(server: BackupPcServer, secret: bytes) -> dict[str, object]:
    trusted = frozenset({server.account.uid})
    found = daemon.examine(Disk(Path("/")), f"{server.folder}/run/BackupPC.sock", trusted, secret)
    return {"ports": found.ports, "empty": found.empty.value, "asked": found.asked_by_tcp,
            "same": found.takes_the_files_secret,
            "limit": process.descriptor_limit(found.pid), "checks": _states(server)}


def _reload(server: BackupPcServer) -> None:
    """Let the daemon read the file anew, as `server reload` under its old secret would."""
    log = Path(f"{server.folder}/log/LOG")
    (pid,) = Path(f"{server.folder}/run/BackupPC.pid").read_text(encoding="ascii").split()
    os.kill(int(pid), signal.SIGHUP)

    def is_read() -> bool:
        """Tell whether it has, and greets again; a call makes it look at a signal that was late."""
        told = "SIG_HUP" in log.read_text()
        with contextlib.suppress(ConnectionError, FileNotFoundError), \
                socket.socket(socket.AF_UNIX) as caller:
            caller.connect(f"{server.folder}/run/BackupPC.sock")
            return caller.recv(1) != b"" and told
        return False

    wait_for("the daemon has read its file anew", is_read)


def main(folder: str) -> None:
    """Tell as JSON what the probe sees of each state of the daemon."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = BackupPcServer(folder)
    server.start()
    told = {}
    try:
        told["stock"] = _told(server, b"")
        server.configure([f"$Conf{{ServerPort}} = {PORT};"])
        told["open"] = _told(server, b"")
        with open(f"{folder}/conf/config.pl", "a", encoding="utf-8") as file:
            file.write(f"$Conf{{ServerMesgSecret}} = '{SECRET}';\n")
        told["edited"] = _told(server, SECRET.encode())
        _reload(server)
        told["secret"] = _told(server, SECRET.encode())
        told["other"] = _told(server, b"another")
    finally:
        server.stop()
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
