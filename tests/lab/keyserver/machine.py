"""A throw-away machine with everything where it is by default: a mount namespace of its own.

/etc, /usr, /var and /root are laid over by memory, so what is done there is gone with it and this
machine's own files are only read. Its sshd listens on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.keys import Key
from tests.lab.process import kill_session, run, start, wait_for
from tests.lab.sshd import ADDRESS, SSHD, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.process import Running

PASSWORD = "correct horse battery"
_SCRIPT = """
set -e
mount -t tmpfs -o mode=700 tmpfs "$1"
for each in etc usr var root; do
    mkdir "$1/$each" "$1/$each.work"
    mount -t overlay -o "lowerdir=/$each,upperdir=$1/$each,workdir=$1/$each.work" overlay "/$each"
done
rm -rf /root/.ssh /etc/ssh/sshd_config.d /root/.bashrc  # bash reads it for each command of sshd
usermod -p "$2" root
printf '%s\\n' 'Defaults:ALL !use_pty' 'root ALL=(ALL) NOPASSWD: ALL' \
    'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers
id alice > /dev/null 2>&1 || useradd -m -d /var/alice -s /bin/sh alice
usermod -p "$2" alice
printf '%s\\n' "Port $3" 'ListenAddress 127.0.0.1' "HostKey $4" 'UsePAM no' \
    'PermitRootLogin yes' 'PasswordAuthentication yes' 'KbdInteractiveAuthentication no' \
    'MaxAuthTries 6' 'MaxStartups 100:30:200' 'LogLevel VERBOSE' 'PidFile none' \
    > /etc/ssh/sshd_config
exec "$5" -D -e -f /etc/ssh/sshd_config
"""


class Machine:
    """A machine whose admin logs in with `admin`, or PASSWORD; FOLDER is its own, outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host_key = Key.generate(f"{folder}/host_key")
        self.admin = Key.generate(f"{folder}/admin")
        self.port = 0
        self._process: Running[bytes] | None = None

    @property
    def fingerprint(self) -> str:
        """What its console shows of its host key."""
        done = subprocess.run(["ssh-keygen", "-lf", f"{self.host_key.path}.pub"], check=True,
                              capture_output=True, text=True, timeout=60)
        return done.stdout.split()[1]

    @property
    def pid(self) -> int:
        """The process of its sshd."""
        if self._process is None:
            raise RuntimeError("the machine is not running")
        return self._process.pid

    def path(self, path: str) -> Path:
        """Return where the machine's PATH is seen from here."""
        return Path(f"/proc/{self.pid}/root{path}")

    def start(self) -> None:
        """Start it on a free port."""
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.port = free_port()
        (self.folder / "over").mkdir()
        hashed = run(["openssl", "passwd", "-6", PASSWORD]).stdout.decode("ascii").strip()
        log = self.folder / "log"
        with open(log, "wb") as file:
            self._process = process = start(
                ["unshare", "-m", "--propagation", "private", "sh", "-c", _SCRIPT, "sh",
                 str(self.folder / "over"), hashed, str(self.port), self.host_key.path, SSHD],
                stdin=subprocess.DEVNULL, stdout=file.fileno(), stderr=file.fileno())
        wait_for("sshd listens", lambda: b"Server listening on" in log.read_bytes()
                 or process.poll() is not None)
        if process.poll() is not None:
            raise RuntimeError(log.read_text("utf-8", "backslashreplace"))
        self.begin_again()

    def stop(self) -> None:
        """End its sshd and what that started; its memory is gone then."""
        if self._process is not None:
            kill_session(self._process)
            self._process.wait()

    def begin_again(self, *, guard: bool = True) -> None:
        """Take every trace of an enrolment away, and the guard too if GUARD is false."""
        for folder in ("/etc/bpc-ssh-guard", "/var/log/bpc-ssh-guard", "/var/lib/bpc-ssh-guard",
                       "/root/.ssh"):
            shutil.rmtree(self.path(folder), ignore_errors=True)
        if not guard:
            shutil.rmtree(self.path("/usr/lib/bpc-ssh-guard"), ignore_errors=True)
            for name in ("bpc-ssh-guard", "bpc-ssh-guardctl"):
                self.path(f"/usr/sbin/{name}").unlink(missing_ok=True)
        for home in ("/root", "/var/alice"):
            self.path(f"{home}/.ssh").mkdir(mode=0o755, exist_ok=True)
        self.path("/root/.ssh/authorized_keys").write_text(self.foreign)
        self.path("/root/.ssh/authorized_keys").chmod(0o600)
        self.path("/var/alice/.ssh/authorized_keys").write_text(f"{self.admin.public} alice\n")

    @property
    def foreign(self) -> str:
        """The lines that are there before ours."""
        return f"# an admin's own note, kept  as it is\n{self.admin.public} admin\n"

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Run WORDS on it as root, as at its console."""
        return run(["nsenter", "-m", "-t", str(self.pid), *words])

    @property
    def config(self) -> str:
        """Its part of the server's configuration."""
        return f'[host.web1]\naddress = "{ADDRESS}"\nport = {self.port}\nfrom = "{ADDRESS}"\n'


@contextlib.contextmanager
def open_machine(folder: Path) -> Iterator[Machine]:
    """Give a machine that runs until the end of the block."""
    machine = Machine(folder)
    machine.start()
    try:
        yield machine
    finally:
        machine.stop()
