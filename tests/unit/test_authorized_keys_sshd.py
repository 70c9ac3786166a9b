"""The list of known lines held against sshd itself, by one login for each."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.lab.sshd import Sshd

from . import keylines

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("sshd"))


@pytest.fixture(scope="module")
def sshd(folder):
    server = Sshd(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def keys(folder):
    return (keylines.generate(f"{folder}/ed25519"),
            keylines.generate(f"{folder}/rsa", "rsa", "2048"))


def login(sshd: Sshd, key: keylines.Key) -> subprocess.CompletedProcess[bytes]:
    options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no",
               "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    return subprocess.run(
        ["ssh", "-F", "none", "-i", key.private, *(f"-o{option}" for option in options),
         "-p", str(sshd.port), f"{sshd.login.name}@127.0.0.1", "echo free"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
    )


def write_line(folder: str, line: bytes) -> None:
    with open(f"{folder}/fresh", "wb") as file:
        file.write(line + b"\n")
    os.rename(f"{folder}/fresh", f"{folder}/authorized_keys")


@pytest.mark.parametrize("known", keylines.KNOWN_LINES, ids=lambda known: known.what)
def test_sshd_serves_the_line_as_the_list_says(known, sshd, folder, keys):
    write_line(folder, known.render(*keys))
    done = login(sshd, keys[known.rsa])
    assert (done.stdout.strip() == keylines.SERVED) == known.served, done


def test_sshd_knows_no_ipv4_address_written_as_ipv6(sshd, folder, keys):
    for address, served in ((b"::ffff:127.0.0.1", False), (b"127.0.0.1", True)):
        write_line(folder, b'from="' + address + b'",' + keylines.COMMAND + b" " + keys[0].words)
        assert (login(sshd, keys[0]).stdout.strip() == keylines.SERVED) == served


def test_sshd_falls_through_to_a_later_line_of_the_same_key(sshd, folder, keys):
    turned_away = b'from="192.0.2.7",command="echo first" ' + keys[0].words
    write_line(folder, turned_away + b"\n" + keylines.COMMAND + b" " + keys[0].words)
    assert login(sshd, keys[0]).stdout.strip() == keylines.SERVED
