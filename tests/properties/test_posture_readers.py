"""The posture's readers of others' files: any bytes are read or refused, and nothing else."""

from __future__ import annotations

import contextlib
import random
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpc_ssh_guard.backuppc.disk import Disk
from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.evidence.history import blobs
from bpc_ssh_guard.posture.evidence.privatekey import read_key
from bpc_ssh_guard.posture.evidence.secrets import of_text
from bpc_ssh_guard.posture.evidence.sshconfig import SshConfig
from bpc_ssh_guard.posture.evidence.sudoers import rules_of
from bpc_ssh_guard.posture.evidence.unit import find_unit, variable

ROUNDS = 300


def _mutations(data: bytes, seed: int):
    """Yield DATA with some bytes changed, lost or doubled."""
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        text = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(text))
            kind = chance.randrange(3)
            if kind == 0:
                text[place] = chance.randrange(256)
            elif kind == 1:
                del text[place : place + chance.randrange(1, 9)]
            else:
                text[place:place] = text[place : place + chance.randrange(1, 9)]
            text = text or bytearray(b"x")
        yield bytes(text)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Return a real pack with deltas."""
    folder = tmp_path_factory.mktemp("repository")

    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
                       cwd=folder, check=True, capture_output=True, timeout=60)

    git("-c", "init.defaultBranch=main", "init", "-q", ".")
    for number in range(4):
        lines = "".join(f"{line * 7919 % 10007}\n" for line in range(number, 300))
        (folder / "config.pl").write_text(lines)
        git("add", ".")
        git("commit", "-q", "-m", "x")
    git("gc", "-q", "--aggressive")
    [found] = (folder / ".git/objects/pack").glob("*.pack")
    return found.read_bytes()


def test_a_damaged_pack_is_read_or_refused(pack, tmp_path):
    folder = tmp_path / "repository/objects/pack"
    folder.mkdir(parents=True)
    disk, refused = Disk(tmp_path), 0
    for text in _mutations(pack, 1):
        (folder / "x.pack").write_bytes(text)
        try:
            list(blobs(disk, "/repository"))
        except Undecided:
            refused += 1
    assert 0 < refused <= ROUNDS


def test_a_damaged_key_is_read_or_refused(tmp_path):
    for number, options in enumerate((("-t", "rsa", "-b", "2048"), ("-t", "ed25519"),
                                      ("-t", "rsa", "-b", "2048", "-m", "PEM"))):
        path = tmp_path / f"key{number}"
        subprocess.run(["ssh-keygen", "-q", *options, "-N", "", "-f", path], check=True)
        public = (tmp_path / f"key{number}.pub").read_bytes()
        for text in _mutations(path.read_bytes(), number):
            read_key(text, public)
        for text in _mutations(public, number):
            read_key(path.read_bytes(), text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_searched(data):
    for secret in of_text(b"$Conf{FtpPasswd} = '" + data):
        assert secret.line >= 1


WORDS = st.lists(st.sampled_from([
    "backuppc", "ALL", "=", ",", ":", "\\", "\n", "#", "@include x", "User_Alias A", "(root)", " ",
    "[Service]", "Environment=", "EnvironmentFile=/x", "Host *", "Match all", "Include *", "!", '"',
    "ExecStart=", "\0", "\udcff", "X=1", "Cmnd_Alias B=", "A", "B", "NOPASSWD:",
]), max_size=30).map("".join)


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    root = tmp_path_factory.getbasetemp() / "server"
    for name in ("etc/sudoers", "etc/systemd/system/backuppc.service", "config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    disk = Disk(root)
    with contextlib.suppress(Undecided):
        rules_of(disk, "backuppc", 104, frozenset({"backuppc"}))
    with contextlib.suppress(Undecided):
        list(variable(disk, find_unit(disk), "X"))
    with contextlib.suppress(Undecided):
        SshConfig().read(disk, "/config", "pc1", "/root")
