"""A backup server with bpc-ssh-keys, and clients on loopback whose keys it keeps."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpc_ssh_guard.authorized_keys import expiry
from bpc_ssh_guard.keys import config
from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.journal import Entry, State
from bpc_ssh_guard.keys.store import Store
from bpc_ssh_guard.record.begin import begin
from tests.lab.clients import SSH
from tests.lab.host import CHECKOUT
from tests.lab.keys import Key
from tests.lab.process import Account, Done, require, run, start
from tests.lab.sshd import ADDRESS, Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bpc_ssh_guard.keys.config import Config
    from bpc_ssh_guard.keys.files import Pair
    from tests.lab.process import Running

FOREIGN = (
    "# an admin's own note, kept  as it is",
    (
        'from="192.0.2.9",command="/bin/true" ssh-ed25519 '
        "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f someone else"
    ),
)
AGE = 100 * 24 * 60 * 60  # seconds: every key is due
PROGRAM = [sys.executable, "-m", "bpc_ssh_guard", "keys"]


class LabClient:
    """A machine below FOLDER, its guard installed under PREFIX, its keys still to be enrolled."""

    def __init__(self, name: str, folder: str, prefix: str) -> None:
        self.name, self.folder = name, folder
        self._program = f"{prefix}/sbin/bpc-ssh-guard"
        os.makedirs(f"{folder}/sshd")
        os.makedirs(f"{folder}/data")
        os.mkdir(f"{folder}/restored")
        begin(os.fsencode(f"{folder}/log"), os.fsencode(f"{folder}/log/state"))
        self.sshd = Sshd(f"{folder}/sshd")
        self.write_policy()

    def write_policy(self, *rotation: str) -> None:
        """Write the policy with a key to back up, one to restore, and one that replaces both."""
        lines = (
            f"Log {self.folder}/log",
            f"AuthorizedKeys {self.sshd.authorized_keys}",
            f"Key {self.name}-backup", f"    Backup {self.folder}/data", "    From 127.0.0.1",
            f"Key {self.name}-restore", f"    Restore {self.folder}/restored", "    Grants remote",
            f"Key {self.name}-rotate", f"    Rotate {self.name}-backup {self.name}-restore",
            *rotation,
        )
        with open(f"{self.folder}/policy", "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.chmod(f"{self.folder}/policy", 0o644)

    def begin_again(self) -> None:
        """Forget the proofs, grants and refusals of earlier keys."""
        self.write_policy()
        for name in ("proofs", "grants"):
            shutil.rmtree(f"{self.folder}/log/state/{name}", ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/log/state/aux")

    def line(self, label: str, key_id: str, public: str, generation: int = 1) -> str:
        """Return the managed line of a key, as guardctl composes it."""
        command = f"{self._program} --policy {self.folder}/policy {label} {key_id}"
        origin = ',from="127.0.0.1"' if label.endswith("-backup") else ""
        mark = f"bpc-ssh-guard:{label}:{key_id}:g{generation}"
        return f'restrict,command="{command}"{origin} {public} {mark}'

    def lines(self) -> list[str]:
        """Return the lines of authorized_keys."""
        with open(self.sshd.authorized_keys, encoding="ascii") as file:
            return file.read().splitlines()

    def lines_of(self, label: str) -> list[str]:
        """Return the managed lines of LABEL."""
        return [line for line in self.lines() if f" bpc-ssh-guard:{label}:" in line]

    def set_end(self, mark: str, seconds: int) -> None:
        """Let the one line with MARK end SECONDS from now."""
        end = expiry.at(int(time.time()) + seconds).decode("ascii")
        (old,) = [line for line in self.lines() if mark in line]
        before, _, rest = old.partition('expiry-time="')
        new = f'{before}expiry-time="{end}{rest[len(end):]}'
        self.sshd.authorize([new if line == old else line for line in self.lines()])

    def others(self) -> list[str]:
        """Return all lines but those of the labels that are rotated."""
        ours = (f" bpc-ssh-guard:{self.name}-backup:", f" bpc-ssh-guard:{self.name}-restore:")
        return [line for line in self.lines() if not any(mark in line for mark in ours)]

    @property
    def config(self) -> str:
        """Its part of the server's configuration."""
        return (
            f'[host.{self.name}]\naddress = "{ADDRESS}"\nport = {self.sshd.port}\n'
            f'user = "{self.sshd.login.name}"\n'
        )


class World:
    """A server below FOLDER and its CLIENTS; each has a first key for each label."""

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self.folder = folder
        prefix = f"{folder}/guard"
        argv = ["-m", "bpc_ssh_guard", "guardctl", "install", "--prefix", prefix]
        require(run([sys.executable, *argv], cwd=CHECKOUT))
        self.clients = {name: LabClient(name, f"{folder}/{name}", prefix) for name in names}

    def start(self) -> None:
        """Start every sshd and make the one server."""
        for client in self.clients.values():
            client.sshd.start()
        self.server = KeyServer(f"{self.folder}/server", list(self.clients.values()))

    def begin_again(self) -> None:
        """Enrol every client anew with a new server."""
        shutil.rmtree(self.server.folder)
        self.server = KeyServer(f"{self.folder}/server", list(self.clients.values()))
        for client in self.clients.values():
            client.begin_again()
            self.server.enrol(client)

    def stop(self) -> None:
        """End every sshd."""
        for client in self.clients.values():
            client.sshd.stop()


class KeyServer:
    """A server below FOLDER with its own configuration, keys and store, for CLIENTS."""

    reader = ""  # the group that reads the keys

    def __init__(self, folder: str, clients: Sequence[LabClient]) -> None:
        self.folder, self.clients = folder, clients
        for name in ("etc/known_hosts.d", "var/rotation"):
            os.makedirs(f"{folder}/{name}", mode=0o750)
        os.makedirs(f"{self.top_dir}/pc", exist_ok=True)
        self.path = f"{folder}/config"
        self.write_config()

    @classmethod
    def copied(cls, other: KeyServer, folder: str) -> KeyServer:
        """Return a copy of OTHER in FOLDER, with all its keys and its store."""
        shutil.copytree(other.folder, folder, symlinks=True)
        copy = cls.__new__(cls)
        copy.folder, copy.clients, copy.path = folder, other.clients, f"{folder}/config"
        copy.write_config()
        return copy

    def write_config(self, *defaults: str) -> None:
        """Write the configuration; DEFAULTS are lines of [defaults]."""
        with open(self.path, "w", encoding="ascii") as file:
            file.write(f'[paths]\netc = "{self.folder}/etc"\nvar = "{self.folder}/var"\n'
                       f'reader = "{self.reader}"\nbackuppc = "{self.top_dir}"\n[defaults]\n')
            file.writelines(f"{line}\n" for line in defaults)
            file.writelines(client.config for client in self.clients)

    @property
    def top_dir(self) -> str:
        """BackupPC's TopDir."""
        return f"{self.folder}/TopDir"

    @property
    def config(self) -> Config:
        """The configuration as the program reads it."""
        return config.load(self.path)

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Give the store, closed afterwards."""
        store = Store(self.config.database)
        try:
            yield store
        finally:
            store.close()

    def entry(self, label: str) -> Entry:
        """Return the journal of LABEL."""
        with self.store() as store:
            found = store.read(_host(label), label)
        if found is None:
            raise KeyError(label)
        return found

    def pairs(self, label: str) -> Pairs:
        """Return the pairs of LABEL."""
        return Pairs(self.config.pairs(_host(label), label))

    def current(self, label: str) -> Pair:
        """Return the pair of LABEL in use."""
        pair = self.pairs(label).current()
        if pair is None:
            raise KeyError(label)
        return pair

    def enrol(self, client: LabClient) -> None:
        """Give CLIENT a first key for each label, as an admin left it AGE ago."""
        host = self.config.hosts[client.name]
        with open(self.config.known_hosts / client.name, "w", encoding="ascii") as file:
            file.write(f"{client.name} {client.sshd.host_key.public}\n")
        if not os.path.exists(host.rotation_key):
            Key.generate(host.rotation_key)
        with open(f"{host.rotation_key}.pub", encoding="ascii") as file:
            rotation = Key(host.rotation_key, " ".join(file.read().split()[:2]))
        lines = []
        with self.store() as store:
            for label in host.labels.values():
                pairs = self.pairs(label)
                for number in pairs.all():
                    pairs.remove(number)
                pair = pairs.generate(1)
                pairs.switch(1)
                now = int(time.time())
                entry = Entry(client.name, label, State.IDLE, 1, pair.key_id, since=now - AGE,
                              changed=now - AGE)
                store.write(entry, f"enrolled g1 {pair.key_id}")
                lines.append(client.line(label, pair.key_id, pair.public))
        lines.append(client.line(host.rotation_label, rotation.keyid, rotation.public))
        client.sshd.authorize([FOREIGN[0], *lines, FOREIGN[1]])

    def run(self, *words: str, status: int = 0) -> Done[bytes]:
        """Run the program with WORDS; STATUS is how it ends."""
        done = run(self.argv(*words), cwd=CHECKOUT)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def records(self, *words: str, status: int = 0) -> list[dict[str, Any]]:
        """Run the program with WORDS and --json and return its records."""
        done = self.run(*words, "--json", status=status)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def argv(self, *words: str) -> list[str]:
        """Return what starts the program with WORDS."""
        return [*PROGRAM, words[0], "--config", self.path, *words[1:]]

    def start(self, *words: str) -> Running[bytes]:
        """Start the program with WORDS and let it run by itself."""
        return start(self.argv(*words), cwd=CHECKOUT, stdin=subprocess.DEVNULL)

    def killed(self, point: str, *words: str) -> None:
        """Run the program with WORDS until it kills itself at POINT of killed.py."""
        argv = [sys.executable, "-m", "tests.lab.keyserver.killed", point]
        done = run([*argv, words[0], "--config", self.path, *words[1:]], cwd=CHECKOUT)
        assert done.returncode == -signal.SIGKILL, (point, done.stdout, done.stderr)

    def ssh(self, label: str, *command: str, pair: Pair | None = None) -> list[str]:
        """Return what starts ssh with the key of LABEL in use, or that of PAIR, for COMMAND."""
        host = self.config.hosts[_host(label)]
        path = str(self.pairs(label).folder / "current") if pair is None else str(pair.path)
        own = f"{self.folder}/{label}.key"  # ssh wants a private key closed to its group
        with open(path, "rb") as file, open(_new(own), "wb") as copy:
            copy.write(file.read())
        options = (
            "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "LogLevel=ERROR",
            f"HostKeyAlias={host.name}",
            f"UserKnownHostsFile={self.config.known_hosts}/{host.name}",
            "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes", "ConnectTimeout=10",
        )
        named = [word for each in options for word in ("-o", each)]
        where = ["-p", str(host.port), "-i", own, "-l", host.user]
        return [SSH, "-F", "none", "-T", *where, *named, host.address, *command]

    def greeting(self, label: str, pair: Pair | None = None) -> str:
        """Return what a login with the key in use, or PAIR, is told; nothing if turned away."""
        return run(self.ssh(label, pair=pair)).stdout.decode("ascii")

    def works(self, label: str) -> bool:
        """Tell whether the key of LABEL in use logs in."""
        return f" label={label} key={self.current(label).key_id} " in self.greeting(label)


def _new(path: str) -> int:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _host(label: str) -> str:
    return label.rsplit("-", 1)[0]


@contextlib.contextmanager
def open_world(folder: Path, names: Sequence[str]) -> Iterator[World]:
    """Give a world below FOLDER whose servers end with the block; every client is enrolled."""
    os.chmod(folder, 0o755)
    world = World(str(folder), names)
    try:
        world.start()
        for client in world.clients.values():
            world.server.enrol(client)
        yield world
    finally:
        world.stop()


__all__ = ["Account", "KeyServer", "LabClient", "World", "open_world"]
