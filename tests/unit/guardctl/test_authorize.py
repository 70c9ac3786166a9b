"""Public keys read, and lines composed for a label of the policy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bpc_ssh_guard.guardctl.authorize import AuthorizeError, authorize, read_key

from . import scenes

KEY, OTHER = scenes.public_key(1), scenes.public_key(2)


# The key


@pytest.mark.parametrize(
    ("kind", "name"),
    [("ed25519", b"ssh-ed25519"), ("rsa", b"ssh-rsa"), ("ecdsa", b"ecdsa-sha2-nistp256")],
)
def test_reads_the_file_that_ssh_keygen_writes(tmp_path, kind, name):
    path = str(tmp_path / "key")
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a comment", "-f", path]
    subprocess.run(argv, check=True, timeout=60)
    key = read_key(path + ".pub")
    listed = subprocess.run(
        ["ssh-keygen", "-lf", path + ".pub"], capture_output=True, text=True, timeout=60
    )
    assert key.key_type == name
    assert key.fingerprint == listed.stdout.split()[1]


def test_reads_the_key_from_standard_input():
    done = subprocess.run(
        [sys.executable, "-c",
         "from bpc_ssh_guard.guardctl.authorize import read_key; print(read_key('-').key_id)"],
        input=scenes.words(KEY) + b" backuppc@server\n",
        cwd=scenes.CHECKOUT, capture_output=True, timeout=60,
    )
    assert done.stdout.decode().strip() == KEY.key_id


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", "is a private key; keep it secret"),
        (b"", "holds 0 lines, not one key"),
        (scenes.words(KEY) + b"\n" + scenes.words(OTHER) + b"\n", "holds 2 lines, not one key"),
        (b"ssh-ed25519 AAAA x\n", "1: no public key"),
        (b"\n# key:\npty " + scenes.words(KEY) + b"\n", "3: options stand before the key"),
        (b"evil " + scenes.words(KEY) + b"\n", "1: options stand before the key"),
        (b"rsa-sha2-512 AAAAB3NzaC1yc2EAAAABAwAAAAED\n", "1: rsa-sha2-512 is no type of key"),
        (b"x-new AAAABXgtbmV3AAAAAQE=\n", "1: x-new is no type of key"),
        (b"x" * 70_000, "is too long for a public key"),
    ],
)
def test_refuses_what_is_not_one_public_key(tmp_path, data, complaint):
    path = str(tmp_path / "key.pub")
    with open(path, "wb") as file:
        file.write(data)
    with pytest.raises(AuthorizeError) as refusal:
        read_key(path)
    assert str(refusal.value).startswith(path + ":")
    assert complaint in str(refusal.value)
    assert "; " in str(refusal.value)


# The line


def test_composes_the_line_from_the_policy_without_touching_a_file(client):
    assert authorize(client.policy, "web1-backup", KEY).shown.encode("ascii") == (
        b'restrict,command="/usr/sbin/bpc-ssh-guard --policy %b web1-backup %b",'
        b'from="192.0.2.7,2001:db8::/32" %b %b'
        % (client.policy_path.encode(), KEY.key_id.encode(), scenes.words(KEY),
           client.mark("web1-backup", KEY))
    )
    assert os.listdir(client.folder) == []


def test_leaves_from_out_where_the_block_has_none(client):
    assert b"from=" not in client.compose("db-backup", KEY)


def test_writes_an_ipv4_address_within_ipv6_so_that_sshd_matches_it(client):
    client.write_policy(f"Key a\n Backup {client.root}\n From ::ffff:192.0.2.7 ::ffff:10.0.0.0/8\n")
    assert b'from="192.0.2.7,10.0.0.0/8" ' in client.compose("a", KEY)


def test_names_the_program_that_it_is_told(client):
    line = client.compose("db-backup", KEY, program="/usr/local/sbin/bpc-ssh-guard")
    assert b'command="/usr/local/sbin/bpc-ssh-guard --policy ' in line


def test_refuses_a_label_that_the_policy_has_no_block_for(client):
    with pytest.raises(AuthorizeError, match=r"/policy: has no Key web9; add its block, or take one"
                                             r" that is there: web1-backup, web1-restore, db-back"):
        authorize(client.policy, "web9", KEY)


@pytest.mark.parametrize("program", ['/usr/"sbin/guard', "/usr/s bin/guard", "guard", "/a\nb"])
def test_refuses_a_program_whose_path_could_inject(client, program):
    with pytest.raises(AuthorizeError, match="is not an absolute path of plain characters"):
        authorize(client.policy, "db-backup", KEY, program=program)
