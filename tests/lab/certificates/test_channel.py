"""Certificates of the authority against a real sshd and the real guard: taken, and turned away."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.certificates import CERTIFICATE, certificate, settings
from bpc_ssh_guard.keys.certificates.ca import Authorities
from bpc_ssh_guard.keys.certificates.certificate import Terms
from tests.lab.keyserver.world import World
from tests.lab.process import run
from tests.lab.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.process import Done

pytestmark = pytest.mark.lab

LABEL = "web1-backup"


class Site:
    """A client with a line of the authority for each label, and nothing else that lets in."""

    def __init__(self, folder: str) -> None:
        self.world = World(folder, ["web1"])
        self.client = self.world.clients["web1"]
        os.mkdir(f"{folder}/exposing")
        self.client.sshd = Sshd(f"{folder}/exposing", extra=("ExposeAuthInfo yes",))
        self.client.write_policy()
        self.world.start()
        self.server = self.world.server
        self.server.enrol(self.client)  # the host key, and pairs that stay
        self.server.write_config('channel = "certificate"', 'from = "127.0.0.1"')
        with open(self.server.path, "a", encoding="ascii") as file:
            file.write(f'[certificates]\nfolder = "{folder}/ca"\n'
                       f'program = "{folder}/guard/sbin/bpc-ssh-guard"\n'
                       f'policy = "{self.client.folder}/policy"\n')
        self.ca("init")
        self.allow(*self.lines())

    def ca(self, action: str, *words: str, status: int = 0) -> Done[bytes]:
        return self.server.run("ca", action, *words, status=status)

    def lines(self) -> list[str]:
        return self.ca("lines").stdout.decode("ascii").splitlines()

    def allow(self, *lines: str) -> None:
        self.client.sshd.authorize(lines)

    def login(self, text: bytes, *command: str) -> Done[bytes]:
        """Log in with the key of LABEL and the certificate TEXT."""
        path = f"{self.server.folder}/shown-cert.pub"
        with open(path, "wb") as file:
            file.write(text)
        argv = self.server.ssh(LABEL, *command)
        argv[1:1] = ["-o", f"CertificateFile={path}"] if text else []
        return run(argv)

    def in_use(self) -> bytes:
        with open(self.server.pairs(LABEL).folder / CERTIFICATE, "rb") as file:
            return file.read()

    def signed(self, begins: int = -60, ends: int = 600, **changes: object) -> bytes:
        """Return a certificate with CHANGES to its terms, valid from BEGINS to ENDS from now."""
        config = self.server.config
        found = settings.load(config)
        terms = replace(Terms.of(found, config.hosts["web1"], LABEL), **changes)
        now = int(time.time())
        authority = Authorities(found.folder).current()
        return certificate.sign(authority, terms, self.server.current(LABEL), 7, now + begins,
                                now + ends)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("certificates")
    os.chmod(folder, 0o755)
    site = Site(str(folder))
    try:
        yield site
    finally:
        site.world.stop()


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
    channel.ca("issue")
    old, first = channel.in_use(), channel.lines()

    channel.ca("rotate", status=1)  # the client has no line of it yet
    assert channel.in_use() == old
    both = channel.lines()
    channel.allow(*both)
    channel.ca("rotate", status=1)  # the old line still lets in
    channel.allow(*[line for line in both if line not in first])
    channel.ca("rotate")

    assert channel.login(old).stdout == b""
    assert f"label={LABEL} ".encode() in channel.login(channel.in_use()).stdout
    assert not os.path.exists(settings.load(channel.server.config).folder / "g1")
