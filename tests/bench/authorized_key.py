"""The way most fleets replace a key: a play of ansible.posix.authorized_key, add and remove.

Nothing is spared it that makes it fast: pipelining, connections shared by both tasks, no facts, no
search for the interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.keys import Key
from tests.lab.sshd import ADDRESS

from .harness import Candidate, CannotMeasure, Misbehaved
from .loopback import SSH
from .stage import PYTHON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.keyserver.world import LabClient

    from .stage import Stage

NAME = "ansible.posix.authorized_key"
FORKS = 8
DOWNLOAD_SECONDS = 300.0
_BUNDLE = "ansible"  # the package on PyPI that brings the collection
_COLLECTION = "ansible_collections/ansible/posix/"
# Root gets in by forced commands alone: this one is the login shell's part.
_ANYTHING = 'command="exec /bin/sh -c \\"$SSH_ORIGINAL_COMMAND\\""'


def _task(key: str, state: str) -> dict[str, object]:
    return {NAME: {"user": "{{ ansible_user }}", "path": "{{ keys }}", "manage_dir": False,
                   "key": key, "state": state}}


_PLAY = [{
    "hosts": "all",
    "gather_facts": False,
    "tasks": [_task("{{ fresh }}", "present"), _task("{{ worn }}", "absent")],
}]


class Play:
    """The play over CLIENTS, run below FOLDER; each run puts one new key in place of the last."""

    def __init__(self, stage: Stage, folder: str, clients: Sequence[LabClient]) -> None:
        self._folder = Path(folder)
        self._files = [Path(client.folder) / "keys-of-ansible" for client in clients]
        stage.progress("fetching the collection ansible.posix")
        _fetch(self._folder)
        self._keys = [Key.generate(f"{folder}/fresh-{number}").public for number in range(2)]
        for path in self._files:
            path.write_text(f"{self._keys[0]}\n", encoding="ascii")
        self._admit(clients)
        self._write_play()
        self._environment = stage.environment(
            PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin", LC_ALL="C.UTF-8",
            ANSIBLE_HOME=f"{folder}/home", ANSIBLE_CONFIG=f"{folder}/ansible.cfg",
            ANSIBLE_COLLECTIONS_PATH=folder, ANSIBLE_PIPELINING="1",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(self._sockets),
        )

    @property
    def candidate(self) -> Candidate:
        """The play as the harness runs it."""
        program = Path(sys.executable).parent / "ansible-playbook"
        if not program.exists():
            raise CannotMeasure(f"{program} is missing; install it: pip install -e '.[dev]'")
        argv = [str(program), "-f", str(FORKS), "-i", str(self._folder / "inventory.json"),
                "-e", f"@{self._folder}/keys.json", str(self._folder / "play.json")]
        return Candidate(NAME, argv, self._environment, before=self._name_keys, after=self._check)

    @property
    def _sockets(self) -> Path:
        return self._folder / "cp"

    def _admit(self, clients: Sequence[LabClient]) -> None:
        """Let an administrator's key into each client, and write the inventory."""
        admin = Key.generate(str(self._folder / "admin"))
        known = self._folder / "known_hosts"
        hosts = {}
        with open(known, "w", encoding="ascii") as file:
            for client, keys in zip(clients, self._files):
                client.sshd.authorize([*client.lines(), f"{_ANYTHING} {admin.public}"])
                file.write(f"[{ADDRESS}]:{client.sshd.port} {client.sshd.host_key.public}\n")
                hosts[client.name] = {
                    "ansible_port": client.sshd.port, "keys": str(keys),
                    "ansible_user": client.sshd.login.name,
                    "ansible_remote_tmp": f"{client.folder}/ansible",
                }
        own = {
            "ansible_host": ADDRESS, "ansible_ssh_private_key_file": admin.path,
            "ansible_python_interpreter": PYTHON,
            "ansible_ssh_common_args": f"-F /dev/null -o UserKnownHostsFile={known}"
                                       " -o IdentitiesOnly=yes",
        }
        self._write("inventory.json", {"all": {"hosts": hosts, "vars": own}})

    def _write_play(self) -> None:
        self._sockets.mkdir(mode=0o700)
        (self._folder / "ansible.cfg").touch()
        self._write("play.json", _PLAY)

    def _write(self, name: str, content: object) -> None:
        (self._folder / name).write_text(json.dumps(content), encoding="ascii")

    def _name_keys(self) -> None:
        """Say which key is to come and which to go: the other one than in the last run."""
        self._keys.reverse()
        self._write("keys.json", {"fresh": self._keys[0], "worn": self._keys[1]})

    def _check(self) -> None:
        """End the connections that the next run may not find, and hold that the keys changed."""
        for socket in self._sockets.iterdir():
            subprocess.run([SSH, "-F", "/dev/null", "-o", f"ControlPath={socket}", "-O", "exit",
                            ADDRESS], capture_output=True, check=False)
        for path in self._files:
            if path.read_text(encoding="ascii").split() != self._keys[0].split():
                raise Misbehaved(f"{NAME}: {path} has not the new key alone")


def _fetch(folder: Path) -> None:
    """Unpack the collection of the bundle on PyPI into FOLDER; pip keeps what it has fetched."""
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary",
            ":all:", "--dest", str(folder), _BUNDLE]
    try:
        subprocess.run(argv, capture_output=True, check=True, timeout=DOWNLOAD_SECONDS)
        (wheel,) = folder.glob(f"{_BUNDLE}-*.whl")
        with zipfile.ZipFile(wheel) as bundle:
            names = [name for name in bundle.namelist() if name.startswith(_COLLECTION)]
            bundle.extractall(folder, names)
    except (OSError, ValueError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
        raise CannotMeasure(f"no collection ansible.posix to compare with: pip download"
                            f" {_BUNDLE}: {error}") from None
    if not names:
        raise CannotMeasure(f"{wheel.name} has no {_COLLECTION}")
    wheel.unlink()
