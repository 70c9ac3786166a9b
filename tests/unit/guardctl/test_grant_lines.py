"""What a revocation does to the lines of a label, which sshd reads."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.authorized_keys import expiry
from bpc_ssh_guard.guardctl.grant import open_grant, revoke
from tests.unit.keyagent.scenes import NEW, NEXT, Client


@pytest.fixture
def client(tmp_path) -> Client:
    client = Client(str(tmp_path))
    with open(client.keys_file, "ab") as file:
        file.write(client.line("free-restore", NEW) + b"\n" + client.line("gone", NEXT) + b"\n")
    return client


def test_ends_the_line_of_a_key_that_works_under_grants(client):
    open_grant(client.policy, "restore", 3600)
    assert revoke(client.policy, "restore")
    assert [line.expiry for line in client.lines_of("restore")] == [expiry.PAST]


@pytest.mark.parametrize("label", ["backup", "free-restore", "rotate"])
def test_never_locks_out_a_key_that_needs_no_grant(client, label):
    before = client.read_keys()
    assert not revoke(client.policy, label)
    assert client.read_keys() == before


def test_ends_the_line_of_a_label_that_the_policy_has_no_longer(client):
    assert not revoke(client.policy, "gone")
    assert [line.expiry for line in client.lines_of("gone")] == [expiry.PAST]
