"""Where Ansible runs, with the collection as ansible-galaxy installs it, for one bare client."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from tests.lab.clients import SSH
from tests.lab.keys import Key
from tests.lab.process import require, said
from tests.lab.sshd import ADDRESS

from .tools import COLLECTION, ansible, install_collection, program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.keyserver.machine import Machine
    from tests.lab.process import Done

CLIENT = "web1"
LABEL = "web1-backup"
GUARDCTL = "/usr/sbin/bpc-ssh-guardctl"
KEYS = "/root/.ssh/authorized_keys"
POLICY = "/etc/bpc-ssh-guard/policy"
LOG = "/var/log/bpc-ssh-guard"
STATE = "/var/lib/bpc-ssh-guard"
_INSTALLED = ("/usr/lib/bpc-ssh-guard", "/usr/sbin/bpc-ssh-guard", GUARDCTL)
_SAVED = "/var/saved.tar"
_OF_LOGINS = ("var/log/wtmp", "var/log/btmp", "var/log/lastlog", "root/.ansible/", "var/alice/")
_COUNTS = re.compile(rf"^{CLIENT} +: (.*)$", re.MULTILINE)
_ENV = {
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=5s",  # one login a play
}


class Controller:
    """A folder with a play of the role for MACHINE, whose admin's key it has."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder, self.machine = folder, machine
        self.store = folder / "audit"
        self.log_keys = self.store / "keys"  # where bpc-ssh-audit looks for them, too
        self.temporary = folder / "tmp"
        self.backup = Key.generate(f"{folder}/backup")
        install_collection(folder)
        known = folder / "known_hosts"
        self._ssh = f"-F none -o UserKnownHostsFile={known} -o IdentitiesOnly=yes -o BatchMode=yes"
        known.write_text(f"[{ADDRESS}]:{machine.port} {machine.host_key.public}\n")
        play = [{"hosts": "all", "gather_facts": False, "roles": ["bpc.ssh_guard.guard"]}]
        (folder / "play.json").write_text(json.dumps(play))
        self._usual: dict[str, Any] = {
            "ansible_host": ADDRESS, "ansible_port": machine.port, "ansible_user": "root",
            "ansible_ssh_private_key_file": machine.admin.path,
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_remote_tmp": "~/.ansible/tmp",
            "ansible_ssh_transfer_method": "piped",  # its sshd offers no sftp
            "ansible_ssh_common_args": self._ssh,
            # as the inventory tells them
            "bpc_user": "root", "bpc_labels": {"backup": LABEL}, "bpc_source": [ADDRESS],
            "bpc_public_keys": {LABEL: self.backup.public},
            "guard_guardctl": program("bpc-ssh-guardctl"),
            "guard_policy_template": "policy.j2", "guard_log_keys": str(self.log_keys),
        }

    def begin_again(self) -> None:
        """Take every trace of the guard off the client, and the keys of its logs from here."""
        self.machine.begin_again(guard=False)
        shutil.rmtree(self.machine.path("/root/.ansible"), ignore_errors=True)
        self.log_keys.parent.mkdir(exist_ok=True)
        shutil.rmtree(self.log_keys, ignore_errors=True)
        self.write_policy(example("Write the policy"))

    def write_policy(self, text: str) -> None:
        """Make TEXT the template of the policy."""
        (self.folder / "policy.j2").write_text(text)

    def play(self, *words: str, **variables: object) -> Done[bytes]:
        """Run the play with WORDS; VARIABLES stand in place of the usual ones."""
        return self._play({CLIENT: {**self._usual, **variables}}, *words)

    def play_beside(self, port: int) -> Done[bytes]:
        """Run the play for the client, and before it for a host on PORT, where none answers."""
        return self._play({"web0": {**self._usual, "ansible_port": port}, CLIENT: self._usual})

    def _play(self, hosts: dict[str, Any], *words: str) -> Done[bytes]:
        (self.folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
        self.temporary.mkdir(exist_ok=True)
        return ansible("ansible-playbook", "-i", "inventory.json", "play.json", *words,
                       folder=self.folder, env={**_ENV, "TMPDIR": str(self.temporary)})

    def changed(self, *words: str, **variables: object) -> int:
        """Return how many tasks of the play, which ended well, say that they changed something."""
        done = require(self.play(*words, **variables))
        found = _COUNTS.search(done.stdout.decode())
        assert found is not None, said(done)
        counts = dict(word.split("=") for word in found[1].split())
        return int(counts["changed"])

    def stopped(self, *words: str, **variables: object) -> str:
        """Return what the play, which failed, said, with single blanks."""
        done = self.play(*words, **variables)
        assert done.returncode == 2, said(done)
        return " ".join(said(done).split())

    @property
    def ssh(self) -> str:
        """Ssh with the key that the role lets in, as rsync takes it."""
        return f"{SSH} {self._ssh} -T -p {self.machine.port} -i {self.backup.path} -l root"

    def save(self) -> None:
        """Keep the client's guard, policy, log and key lines as they are."""
        self.machine.run("tar", "-cPf", _SAVED, *_INSTALLED, POLICY, LOG, STATE, "/root/.ssh")

    def restore(self) -> None:
        """Bring back what was kept, and nothing but that; the policy's folder too."""
        self.begin_again()
        self.machine.run("tar", "-xPpf", _SAVED)

    def files(self) -> dict[str, bytes]:
        """Return each file that is written over what the client began with, logins' own aside."""
        found = {}
        for top in ("etc", "usr", "var", "root"):
            written = self.machine.path(f"{self.machine.folder}/over/{top}")
            for path in written.rglob("*"):
                name = f"{top}/{path.relative_to(written)}"
                if path.is_file() and not path.is_symlink() and not name.startswith(_OF_LOGINS):
                    found[name] = path.read_bytes()
        return found


def differing(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Return the names of the files that are not the same in both."""
    return sorted(name for name in before.keys() | after.keys()
                  if before.get(name) != after.get(name))


def example(title: str) -> str:
    """Return the first indented block behind TITLE in the collection's README."""
    text = (COLLECTION / "README.md").read_text()
    block = re.search(rf"\*\*[0-9]\. {title}\*\*.*?\n((?:    [^\n]*\n|\n)+)", text, re.DOTALL)
    assert block is not None
    return "".join(line[4:] or "\n" for line in block[1].splitlines(keepends=True))
