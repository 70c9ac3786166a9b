"""Root writes into the keys file of another account, and that account can go on from there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile

import pytest

from . import scenes
from .test_authorized_keys_file import adding

pytestmark = pytest.mark.lab

PYTHON = "/usr/bin/python3"  # one that every account may run
NOBODY = 65534
ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


@pytest.fixture
def client():
    """Return a client whose home belongs to nobody and whose policy to root."""
    root = tempfile.mkdtemp(prefix="bpc-ssh-guard-")
    os.chmod(root, 0o755)
    client = scenes.Client(root)
    os.chmod(f"{root}/etc", 0o755)
    client.write_keys(b"# theirs")
    subprocess.run([*ROOT, "chown", "-R", "0:0", root], check=True, timeout=60)
    subprocess.run([*ROOT, "chown", "-R", f"{NOBODY}:{NOBODY}", f"{root}/home"], check=True,
                   timeout=60)
    yield client
    if ROOT:
        subprocess.run([*ROOT, "chown", "-R", str(os.geteuid()), root], check=True, timeout=60)
    shutil.rmtree(root)


def add(client: scenes.Client, label: str, number: int, uid: int) -> str:
    """Add the key NUMBER as the account UID; return the complaint."""
    account = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    argv = [*ROOT, *account, PYTHON, *adding(client, label, number)[1:]]
    done = subprocess.run(argv, cwd=scenes.CHECKOUT, capture_output=True, text=True, timeout=60)
    return done.stderr


def owners(client: scenes.Client) -> dict[str, tuple[int, int]]:
    """Return owner and mode of all files beside the keys file, which only root may see."""
    listing = subprocess.run(
        [*ROOT, "find", client.folder, "-type", "f", "-printf", "%f %U %m\n"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout
    rows = map(str.split, listing.splitlines())
    return {name: (int(uid), int(mode, 8)) for name, uid, mode in rows}


def test_root_leaves_the_file_to_its_owner_who_can_add_the_next_line(client):
    assert add(client, "web1-backup", 1, uid=0) == ""
    private = (NOBODY, stat.S_IRUSR | stat.S_IWUSR)
    assert set(owners(client).values()) == {private}
    assert add(client, "web1-backup", 2, uid=NOBODY) == ""
    assert set(owners(client).values()) == {private}


def test_root_gives_a_new_file_to_the_owner_of_its_folder(client):
    subprocess.run([*ROOT, "rm", client.keys_file], check=True, timeout=60)
    assert add(client, "web1-backup", 1, uid=0) == ""
    assert owners(client)["authorized_keys"] == (NOBODY, 0o600)


def test_another_account_than_the_owner_and_root_is_told_so(client):
    complaint = add(client, "web1-backup", 1, uid=NOBODY - 1)
    assert "it can't be opened: Permission denied; run this as root or as the file's owner" in \
        complaint


def test_root_refuses_a_file_of_a_third_account(client):
    subprocess.run([*ROOT, "chown", "1", client.keys_file], check=True, timeout=60)
    assert "belongs to uid 1, neither to root nor to the owner" in \
        add(client, "web1-backup", 1, uid=0)


def test_root_is_not_led_by_a_folder_of_another_account_into_one_of_root(client):
    subprocess.run([*ROOT, "mkdir", f"{client.root}/roots"], check=True, timeout=60)
    subprocess.run([*ROOT, "mv", client.folder, f"{client.root}/roots/.ssh"], check=True,
                   timeout=60)
    subprocess.run([*ROOT, "chown", "-R", "0:0", f"{client.root}/roots"], check=True, timeout=60)
    subprocess.run([*ROOT, "ln", "-s", "../roots", f"{client.root}/home/link"], check=True,
                   timeout=60)
    client.keys_file = f"{client.root}/home/link/.ssh/authorized_keys"
    assert f"home: owned by uid {NOBODY}" in add(client, "web1-backup", 1, uid=0)
