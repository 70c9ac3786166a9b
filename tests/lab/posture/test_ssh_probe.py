"""What a probe of a real sshd tells of a key: a shell, the guard, another command; forwarding."""

from __future__ import annotations

import os
import pwd

import pytest

from bpc_ssh_guard.backuppc.accounts import Account
from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.checks.ssh_logins import Forwarding, Shell, probed
from bpc_ssh_guard.posture.evidence.logins import logins
from bpc_ssh_guard.posture.finding import State
from bpc_ssh_guard.posture.probe.ssh import Scope, forwards, scope
from tests.lab.clients import SshClient
from tests.lab.keys import Key
from tests.lab.process import Account as Reader
from tests.lab.sshd import Sshd
from tests.posture_tree import ServerTree

pytestmark = pytest.mark.lab

LINES = {
    "shell": 'command="sh -c \\"$SSH_ORIGINAL_COMMAND\\""',
    "other": 'restrict,command="exit 3"',
    "silent": 'restrict,command="exit 127"',
}


@pytest.fixture(scope="module")
def account():
    """Return who runs the probe: the account that the test has."""
    own = pwd.getpwuid(os.geteuid())
    return Account(own.pw_name, own.pw_uid, own.pw_gid, own.pw_dir, own.pw_shell)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Return ssh's words for a key of each line, on an sshd of their own."""
    folder = str(tmp_path_factory.mktemp("sshd"))
    sshd = Sshd(folder)
    keys = {name: Key.generate(f"{folder}/{name}") for name in (*LINES, "stranger")}
    sshd.authorize(f"{options} {keys[name].public}" for name, options in LINES.items())
    sshd.start()
    yield {name: ["-F", SshClient(folder, name, key, sshd, Reader.current()).config, "--", "client"]
           for name, key in keys.items()}
    sshd.stop()


def _guarded(site, label):
    return ["-F", site.client(label).config, "--", "client"]


def test_knows_a_shell(account, words):
    assert scope(account, words["shell"]).scope == Scope.SHELL


@pytest.mark.parametrize("name", ["other", "silent"])
def test_knows_another_forced_command(account, words, name):
    assert scope(account, words[name]).scope == Scope.OTHER


def test_knows_the_guard(account, site):
    answer = scope(account, _guarded(site, "web1-backup"))
    assert (answer.scope, answer.told) == (
        Scope.GUARD, "the guard refused it (unknown-program)")


def test_decides_nothing_of_a_login_that_failed(account, words):
    with pytest.raises(Undecided, match="login failed"):
        scope(account, words["stranger"])
    with pytest.raises(Undecided, match="login failed"):
        forwards(account, words["stranger"])


def test_knows_a_key_that_may_not_forward(account, site):
    assert not forwards(account, _guarded(site, "web1-backup"))


def test_knows_a_key_that_may_forward(account, words):
    assert forwards(account, words["shell"])


def test_learns_no_host_key(account, words, tmp_path):
    known = tmp_path / "known_hosts"
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=accept-new"]
    with pytest.raises(Undecided):
        scope(account, [*options, *words["shell"]])
    assert not known.exists()


@pytest.mark.parametrize(("name", "check", "state"), [
    ("shell", Shell, State.FAIL), ("other", Shell, State.WARN), ("stranger", Shell, State.UNKNOWN),
    ("shell", Forwarding, State.FAIL), ("other", Forwarding, State.PASS),
])
def test_judges_a_host_by_its_answer(account, words, tmp_path, name, check, state):
    tree = ServerTree.stock(tmp_path)
    tree.path("/etc/passwd").write_text(
        f"backuppc:x:{account.uid}:{account.gid}::{account.home}:/bin/sh\n")
    tree.add_host("pc1", "$Conf{XferMethod} = 'rsync';", "$Conf{ClientNameAlias} = 'client';",
                  f"$Conf{{RsyncSshArgs}} = ['-e', '$sshPath -F {words[name][1]}'];")
    site = tree.site(live=True)
    [finding] = probed(check(), site, logins(site, "pc1"), check().answered)  # one key, asked once
    assert (finding.state, finding.subject) == (state, "pc1 backup")
