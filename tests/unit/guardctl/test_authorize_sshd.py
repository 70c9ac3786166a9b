"""A line that authorize has added, used by a real ssh at a real sshd."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpc_ssh_guard.exits import REFUSED
from bpc_ssh_guard.guardctl.authorize import authorize, read_key
from tests.lab.sshd import Sshd

from . import scenes

pytestmark = pytest.mark.lab


@pytest.fixture
def sshd(tmp_path):
    folder = str(tmp_path / "sshd")
    os.mkdir(folder, 0o700)
    server = Sshd(folder)
    os.chmod(f"{folder}/authorized_keys", 0o600)
    server.start()
    yield server
    server.stop()


def login(sshd: Sshd, private: str, *command: str) -> subprocess.CompletedProcess[str]:
    options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no",
               "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    return subprocess.run(
        ["ssh", "-T", "-F", "none", "-i", private, *(f"-o{option}" for option in options),
         "-p", str(sshd.port), f"{sshd.login.name}@127.0.0.1", *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


@pytest.mark.parametrize(
    ("origin", "served"), [("127.0.0.1", True), ("::ffff:127.0.0.0/8", True), ("192.0.2.7", False)]
)
def test_the_key_gets_the_guard_from_where_the_policy_says_and_nothing_else(
    client, prefix, sshd, origin, served
):
    root = client.root
    client.write_policy(f"Log {root}/log\nKey a\n Backup {root}/data\n From {origin}\n")
    private = f"{client.root}/key"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", private]
    subprocess.run(argv, check=True, timeout=60)
    key = read_key(private + ".pub")
    authorize(client.policy, "a", key, program=f"{prefix}/sbin/bpc-ssh-guard",
              path=f"{sshd.folder}/authorized_keys")
    greeting, shell = login(sshd, private), login(sshd, private, "id")
    if served:
        assert greeting.returncode == REFUSED
        assert f"label=a key={key.key_id}" in greeting.stdout
        assert (shell.stdout, shell.returncode) == ("", REFUSED)
    else:
        assert "Permission denied" in greeting.stderr
        assert "Permission denied" in shell.stderr


def test_ssh_keygen_and_the_line_name_the_same_key(client):
    listed = subprocess.run(
        ["ssh-keygen", "-lf", "-"], input=client.compose("db-backup", scenes.public_key()),
        stdout=subprocess.PIPE, timeout=60,
    )
    assert scenes.public_key().fingerprint.encode() in listed.stdout
