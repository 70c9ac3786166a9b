"""The hosts of bpc-ssh-keys as Ansible itself reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.journal import Entry, State
from bpc_ssh_guard.keys.store import Store
from tests.lab.keys import Key
from tests.lab.process import require, run

from .tools import INVENTORY, ansible, program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
FINGERPRINT = "SHA256:" + "A" * 43


class Server:
    """A backup server below FOLDER: web1 with keys of its own, web2 without any yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "config"
        for name in ("var/rotation", "etc/known_hosts.d"):
            (folder / name).mkdir(parents=True, mode=0o700)
        self.path.write_text(
            f'[paths]\nvar = "{folder}/var"\netc = "{folder}/etc"\nreader = ""\n'
            f'[host.web1]\naddress = "192.0.2.9"\nport = 2222\nuser = "bpc"\nfrom = "192.0.2.7"\n'
            f'fingerprint = "{FINGERPRINT}"\n'
            '[host.web2]\nchannel = "certificate"\nfrom = []\n'
        )
        config = load(str(self.path))
        (config.known_hosts / "web1").write_text(
            f"# {{{{ lookup('pipe', 'id') }}}}\nweb1 {HOST_KEY} {{{{ 1 + 1 }}}}\nother {HOST_KEY}\n"
        )
        self.rotation = Key.generate(f"{config.var}/rotation/web1")
        pairs = Pairs(config.pairs("web1", "web1-backup"))
        self.backup = pairs.generate(3)
        pairs.switch(3)
        store = Store(config.database)
        store.write(Entry("web1", "web1-backup", State.IDLE, 3, self.backup.key_id, since=1), "x")
        store.close()

    def ask(self, *words: str) -> Any:
        """Return what ansible-inventory makes of it."""
        done = require(ansible("ansible-inventory", "-i", str(INVENTORY), *words,
                               folder=self.folder, env=self.env))
        assert done.stderr == b""
        return json.loads(done.stdout)

    @property
    def env(self) -> dict[str, str]:
        return {"BPC_SSH_KEYS_CONFIG": str(self.path)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(tmp_path_factory.mktemp("inventory"))


def test_ansible_finds_every_host_in_the_group_of_its_channel(server: Server) -> None:
    found = server.ask("--list")
    assert found["all"]["children"] == ["ungrouped", "bpc_clients"]
    assert sorted(found["bpc_clients"]["children"]) == ["bpc_channel_certificate",
                                                        "bpc_channel_key"]
    assert found["bpc_channel_key"]["hosts"] == ["web1"]
    assert found["bpc_channel_certificate"]["hosts"] == ["web2"]


def test_ansible_knows_of_each_host_what_an_enrolment_needs(server: Server) -> None:
    assert server.ask("--host", "web1") == {
        "ansible_host": "192.0.2.9", "ansible_port": 2222, "bpc_user": "bpc",
        "bpc_labels": {"backup": "web1-backup", "restore": "web1-restore"},
        "bpc_rotation_label": "web1-rotate", "bpc_source": ["192.0.2.7"], "bpc_channel": "key",
        "bpc_max_age": 90 * 24 * 60 * 60, "bpc_fingerprint": FINGERPRINT,
        "bpc_known_hosts": [f"web1 {HOST_KEY}"],
        "bpc_public_keys": {"web1-backup": server.backup.public,
                            "web1-rotate": server.rotation.public},
        "bpc_keys": [
            {"purpose": "backup", "label": "web1-backup", "state": "idle", "gen": 3,
             "key": server.backup.key_id, "since": 1, "changed": None, "next_gen": None,
             "next_key": None},
            {"purpose": "restore", "label": "web1-restore", "state": None},
        ],
    }
    assert server.ask("--host", "web2")["bpc_public_keys"] == {}


def test_no_line_of_a_private_key_and_no_template_is_in_it(server: Server) -> None:
    text = require(run([program("bpc-ssh-keys"), "export", "--config", str(server.path),
                        "--ansible", "--list"])).stdout.decode()
    for path in (server.rotation.path, str(server.backup.path)):
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
        assert [line for line in lines if line in text] == []
        assert path not in text
    assert "PRIVATE" not in text
    assert "{{" not in text


def test_the_script_answers_for_one_host_and_refuses_an_unknown_one(server: Server) -> None:
    env = {"PATH": "/usr/bin:/bin", "BPC_SSH_KEYS": program("bpc-ssh-keys"), **server.env}
    known = require(run([str(INVENTORY), "--host", "web2"], env=env))
    assert json.loads(known.stdout)["bpc_channel"] == "certificate"
    unknown = run([str(INVENTORY), "--host", "web9"], env=env)
    assert (unknown.returncode, unknown.stdout) == (2, b"")
    assert b"names no host web9" in unknown.stderr
