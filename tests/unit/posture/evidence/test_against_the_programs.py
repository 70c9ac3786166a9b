"""Our readers against the programs whose files they read: git, ssh, ssh-keygen, sudo, setfacl."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpc_ssh_guard.backuppc.disk import Disk
from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.checks.ssh_logins import unsafe
from bpc_ssh_guard.posture.evidence.history import blobs
from bpc_ssh_guard.posture.evidence.privatekey import read_key
from bpc_ssh_guard.posture.evidence.sshconfig import Option, SshConfig
from bpc_ssh_guard.posture.evidence.sudoers import rules_of

CLEAN = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def _run(*command, cwd=None, data=None):
    return subprocess.run(command, cwd=cwd, input=data, check=True, capture_output=True,
                          timeout=60, env=CLEAN).stdout


def _commit(folder, text):
    (folder / "config.pl").write_bytes(text)
    (folder / "hosts").write_bytes(text[::-1])
    _run("git", "add", ".", cwd=folder)
    _run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", "x",
         cwd=folder)


@pytest.mark.parametrize("packing", [(), ("gc", "-q", "--aggressive"), ("repack", "-q", "-a")])
def test_reads_every_blob_that_git_has(tmp_path, packing):
    _run("git", "-c", "init.defaultBranch=main", "init", "-q", ".", cwd=tmp_path)
    lines = [b"line %d of the file\n" % number for number in range(2000)]
    for number in range(12):
        lines[number * 150] = os.urandom(40).hex().encode() + b"\n"
        _commit(tmp_path, b"".join(lines[number:]))
    if packing:
        _run("git", *packing, cwd=tmp_path)
    told = _run("git", "cat-file", "--batch-all-objects", "--batch-check", cwd=tmp_path)
    names = [line.split()[0] for line in told.decode().splitlines() if " blob " in line]
    expected = sorted(_run("git", "cat-file", "blob", name, cwd=tmp_path) for name in names)
    assert len(expected) == 24
    assert sorted({text for _, text in blobs(Disk(tmp_path), "/.git")}) == expected


KINDS = {
    "ed25519": ("-t", "ed25519"), "ecdsa": ("-t", "ecdsa"), "rsa": ("-t", "rsa", "-b", "2048"),
    "encrypted": ("-t", "rsa", "-b", "3072", "-N", "secret"),
    "pem": ("-t", "rsa", "-b", "2048", "-m", "PEM"),
    "encrypted pem": ("-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tells_of_a_key_what_ssh_keygen_tells(tmp_path, kind):
    path = tmp_path / "key"
    options = KINDS[kind] if "-N" in KINDS[kind] else (*KINDS[kind], "-N", "")
    _run("ssh-keygen", "-q", *options, "-C", "", "-f", path)
    bits, fingerprint, *_ = _run("ssh-keygen", "-l", "-f", path).decode().split()
    key = read_key(path.read_bytes(), (tmp_path / "key.pub").read_bytes())
    assert key.fingerprint == fingerprint
    assert key.bits == (int(bits) if "rsa" in options else None)
    assert key.encrypted == ("secret" in options)
    assert key.kind == (tmp_path / "key.pub").read_text().split()[0]


def test_tells_the_size_of_an_old_key_without_its_public_half(tmp_path):
    _run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f",
         tmp_path / "key")
    key = read_key((tmp_path / "key").read_bytes())
    assert (key.kind, key.bits, key.fingerprint) == ("ssh-rsa", 2048, None)


CONFIGS = {
    "plain": "StrictHostKeyChecking no\nForwardAgent yes\n",
    "equals": "StrictHostKeyChecking=off\nUserKnownHostsFile = /dev/null\n",
    "first counts": "StrictHostKeyChecking yes\nStrictHostKeyChecking no\n",
    "host": "Host pc*\n StrictHostKeyChecking no\nHost *\n ForwardAgent yes\n",
    "other host": "Host web1\n StrictHostKeyChecking no\n",
    "negated": "Host * !pc1\n StrictHostKeyChecking no\n",
    "several": "Host web1 pc?\n ForwardAgent yes\n UserKnownHostsFile /dev/null\n",
    "match all": "Match all\n ForwardAgent yes\n",
    "comment": "# StrictHostKeyChecking no\n\n   forwardagent yes\n",
    "quoted": 'UserKnownHostsFile "/dev/null"\n',
}


@pytest.mark.parametrize("name", CONFIGS)
def test_reads_a_file_as_ssh_reads_it(tmp_path, name):
    (tmp_path / "config").write_text(CONFIGS[name])
    told = SshConfig()
    for line in _run("ssh", "-G", "-F", tmp_path / "config", "pc1").decode().splitlines():
        told.add(Option(*line.split(" ", 1)))
    config = SshConfig()
    config.read(Disk(tmp_path), "/config", "pc1", "/")
    assert {each.name for each in unsafe(config)} == {each.name for each in unsafe(told)}


def test_asks_for_a_person_at_a_match(tmp_path):
    (tmp_path / "config").write_text("Match exec /bin/true\n ForwardAgent yes\n")
    with pytest.raises(Undecided, match="only ssh can decide"):
        SshConfig().read(Disk(tmp_path), "/config", "pc1", "/")


SUDOERS = r"""
Defaults env_reset
User_Alias BACKUP = backuppc, other
Cmnd_Alias PACK = /bin/tar, \
                  /usr/bin/rsync --server *
root ALL=(ALL:ALL) ALL
other ALL=/bin/ls
BACKUP ALL=(root) NOPASSWD: PACK, /usr/sbin/bpc-ssh-guard web1
%backuppc web1 = NOEXEC: /bin/true, !/bin/false
"""


def test_finds_the_rules_that_sudo_finds(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").write_text(SUDOERS)
    _run("visudo", "-c", "-q", "-f", tmp_path / "etc/sudoers")
    rules = rules_of(Disk(tmp_path), "backuppc", 104, frozenset({"backuppc"}))
    assert [(rule.line, rule.commands) for rule in rules] == [
        (8, ("/bin/tar", "/usr/bin/rsync --server *", "/usr/sbin/bpc-ssh-guard web1")),
        (9, ("/bin/true", "!/bin/false"))]


def test_finds_no_rule_for_others(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").write_text(SUDOERS)
    assert rules_of(Disk(tmp_path), "nobody", 65534, frozenset({"nogroup"})) == []
