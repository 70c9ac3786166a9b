"""Certificates of the authority against a real sshd and the real guard: taken, and turned away."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.certificates import certificate
from bpc_ssh_guard.keys.certificates.ca import Authority
from bpc_ssh_guard.keys.files import Pairs
from tests.lab.process import start

from .site import LABEL, Site, open_certified_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_certified_site(tmp_path_factory.mktemp("certificates")) as site:
        yield site


def test_an_issued_certificate_logs_in_and_backs_up(channel: Site) -> None:
    channel.ca("issue")

    assert f"label={LABEL} ".encode() in channel.login(channel.in_use()).stdout
    done = channel.login(channel.in_use(), f"tar -c -f - -C {channel.client.folder}/data .")
    assert done.returncode == 0, done.stderr


def test_every_certificate_in_use_is_proven(channel: Site) -> None:
    channel.ca("issue")
    channel.ca("prove")


def test_what_was_just_issued_is_not_renewed(channel: Site) -> None:
    channel.ca("issue")
    before = channel.in_use()
    channel.ca("renew")
    assert channel.in_use() == before


@pytest.mark.parametrize(
    "changes",
    [{"host": "web2"}, {"label": "web1-other"}, {"command": b"/bin/sh"},
     {"sources": (b"192.0.2.1",)}, {"begins": -600, "ends": -60}, {"begins": 300}],
    ids=["host", "principal", "force-command", "source-address", "expired", "not-yet-valid"],
)
def test_a_certificate_that_says_something_else_is_turned_away(
    channel: Site, changes: dict[str, object]
) -> None:
    assert b"label=" in channel.login(channel.signed()).stdout
    done = channel.login(channel.signed(**changes))
    assert (done.returncode, done.stdout) == (255, b"")


def test_the_key_without_its_certificate_is_turned_away(channel: Site) -> None:
    done = channel.login(b"")
    assert (done.returncode, done.stdout) == (255, b"")


def test_another_authority_is_proven_before_it_signs_and_the_old_one_is_turned_away(
    channel: Site,
) -> None:
    """The client's policy leaves its authorities to its admin, who adds and removes the lines."""
    channel.ca("issue")
    old, first = channel.in_use(), channel.lines()

    said = channel.ca("rotate", status=1)  # the client has no line of it yet
    assert b"has no Certificates" in said.stdout + said.stderr
    assert channel.in_use() == old
    both = channel.lines()
    channel.allow(*both)
    said = channel.ca("rotate", status=1)  # the old line still lets in
    assert said.stdout.count(b"failed (still-accepted) after issued; ") == 2
    assert said.stdout.count(b"; bpc-ssh-keys ca rotate\n") == 2
    channel.allow(*[line for line in both if line not in first])
    channel.ca("rotate")

    assert channel.login(old).stdout == b""
    assert f"label={LABEL} ".encode() in channel.login(channel.in_use()).stdout
    generations = [int(each.name[1:]) for each in channel.authorities.folder.glob("g?")]
    assert generations == [channel.authorities.current().generation]


def test_a_transfer_outlives_its_certificate_and_a_new_login_is_refused(channel: Site) -> None:
    """As long as a backup takes, so long it may run: what sshd has let in, it lets go on."""
    channel.ca("issue")
    path = f"{channel.client.folder}/data/large"
    with open(path, "wb") as file:
        file.truncate(64 << 20)  # more than the pipes between us hold
    text = channel.signed(ends=3)
    argv = channel.argv(text, f"tar -c -f - -C {channel.client.folder}/data .")
    with start(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        first = running.stdout.read(512)
        while b"label=" in channel.login(text).stdout:
            time.sleep(0.2)
        rest = running.stdout.read()
    assert running.wait() == 0
    assert len(first) + len(rest) > 64 << 20
    assert channel.login(text, "tar -c -f - -C / .").returncode == 255


def test_a_certificate_of_a_host_is_turned_away(channel: Site) -> None:
    text = channel.signed_for_host()
    assert b"ssh-ed25519-cert" in text
    done = channel.login(text)
    assert (done.returncode, done.stdout) == (255, b"")


def test_another_labels_certificate_gets_that_labels_line(channel: Site) -> None:
    """The principal chooses the line, and the line the label: no key has two."""
    other = "web1-restore"
    text = channel.signed(label=other, command=channel.command(other))
    assert f"label={other} ".encode() in channel.login(text).stdout
    mixed = channel.signed(label=other)  # the command is that of the first label
    done = channel.login(mixed)
    assert (done.returncode, done.stdout) == (255, b"")


def test_a_certificate_of_another_authority_is_turned_away(channel: Site, tmp_path: Path) -> None:
    """A thief's own authority says all that the right one says."""
    stranger = Authority(Pairs(tmp_path, mode=0o600).generate(1))
    for claimed in (stranger.blob, channel.authorities.current().blob):
        text = channel.signed(command=channel.command(LABEL, claimed), authority=stranger)
        done = channel.login(text)
        assert (done.returncode, done.stdout) == (255, b"")


def test_what_is_due_is_renewed_and_what_is_not_is_left(channel: Site) -> None:
    channel.ca("issue")
    paths = [channel.path_of(label) for label in (LABEL, "web1-restore")]
    now = int(time.time())
    paths[0].write_bytes(channel.signed(begins=-9 * 3600, ends=17 * 3600))  # past its 8 hours
    before = [path.read_bytes() for path in paths]

    said = channel.ca("renew", "--json").stdout.splitlines()

    assert [json.loads(each)["label"] for each in said] == [LABEL]
    assert paths[0].read_bytes() != before[0]
    assert paths[1].read_bytes() == before[1]
    renewed = certificate.read(paths[0])
    assert renewed is not None
    assert renewed.begins <= now < renewed.ends
    assert b"label=" in channel.login(channel.in_use()).stdout
    assert channel.ca("renew").stdout == b""
