"""What logs in with a key of the lab: ssh itself, and rsync and tar over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .process import Account, require, run
from .sshd import ADDRESS, Sshd

if TYPE_CHECKING:
    import subprocess

    from .keys import Key

SSH = "/usr/bin/ssh"


class SshClient:
    """The ssh program with one key and a configuration file of its own."""

    def __init__(self, folder: str, label: str, key: Key, sshd: Sshd, reader: Account) -> None:
        self.label = label
        self.key = key
        self.login = sshd.login.name
        self.config = f"{folder}/{label}.config"
        known_hosts = f"{folder}/{label}.known_hosts"
        with open(known_hosts, "w", encoding="ascii") as file:
            file.write(f"[{ADDRESS}]:{sshd.port} {sshd.host_key.public}\n")
        with open(self.config, "w", encoding="ascii") as file:
            file.writelines(
                f"{line}\n"
                for line in (
                    "Host *",
                    f"HostName {ADDRESS}",
                    f"Port {sshd.port}",
                    f"User {self.login}",
                    f"IdentityFile {key.path}",
                    "IdentitiesOnly yes",
                    f"UserKnownHostsFile {known_hosts}",
                    "GlobalKnownHostsFile /dev/null",
                    "StrictHostKeyChecking yes",
                    "BatchMode yes",
                    "ConnectTimeout 10",
                    "LogLevel ERROR",
                )
            )
        reader.own(key.path, known_hosts, self.config)

    def argv(self, *command: str | bytes, options: tuple[str, ...] = ()) -> list[str | bytes]:
        """Return what starts ssh with OPTIONS and asks for COMMAND."""
        return [SSH, "-F", self.config, "-T", *options, "client", *command]

    def run(self, *command: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Ask for COMMAND and return how it ended."""
        return run(self.argv(*command), stdin=stdin)

    def rsync(self, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
        """Run rsync with ARGUMENTS over this key."""
        return run(self.rsync_argv(*arguments), env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})

    def rsync_argv(self, *arguments: str | bytes) -> list[str | bytes]:
        """Return what starts rsync with ARGUMENTS over this key."""
        return ["/usr/bin/rsync", "-e", f"{SSH} -F {self.config}", *arguments]

    def tar_create(self, share: str, *names: str) -> bytes:
        """Return the archive of SHARE, asked for as BackupPC's TarClientCmd does."""
        command = ["env", "LC_ALL=C", "/bin/tar", "-c", "-v", "-f", "-", "-C", shell_escape(share)]
        done = require(self.run(*command, "--totals", *(names or (".",))))
        return done.stdout

    def tar_extract(self, folder: str, archive: bytes) -> subprocess.CompletedProcess[bytes]:
        """Unpack ARCHIVE in FOLDER, asked for as BackupPC's TarClientRestoreCmd does."""
        words = "env LC_ALL=C /bin/tar -x -p --numeric-owner --same-owner -v -f - -C"
        return self.run(*words.split(), shell_escape(folder), stdin=archive)


def shell_escape(word: str) -> str:
    """Escape WORD as BackupPC does: a backslash before each of its special characters."""
    return "".join("\\" + each if each in "][;&()<>{}|^*$\\'\"`? \t\r\n" else each for each in word)
