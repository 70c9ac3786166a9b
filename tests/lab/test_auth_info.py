"""Under ExposeAuthInfo the guard knows the key that logged in, and lets no other pass for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .keys import Key
from .process import require, run
from .site import open_site
from .sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clients import SshClient
    from .host import GuardedHost, Record
    from .site import Site

pytestmark = pytest.mark.lab

IDENTITY = "web1-backup@web1/7"
SERIAL = "18446744073709551615"  # the largest that ssh-keygen takes: no double holds it


class CertifiedSite:
    """A site whose second sshd exposes who logged in, with a key and a certificate of another."""

    def __init__(self, site: Site, exposing: Sshd) -> None:
        self.host: GuardedHost = site.host
        self.site = site
        self.exposing = exposing
        self.plain = site.add_key("web1-backup", f"Backup {site.host.data}")
        self.certified = site.add_key("cert-backup", f"Backup {site.host.data}")
        site.enrol()
        self.authority = Key.generate(f"{site.folder}/ssh/authority")
        certify = ["-s", self.authority.path, "-I", IDENTITY, "-n", "bpc-cert-backup@web1"]
        options = ["-z", SERIAL, "-V", "-5m:+1h", f"{self.certified.path}.pub"]
        require(run(["ssh-keygen", "-q", *certify, *options]))
        exposing.authorize(self.lines())

    def lines(self, **keyids: str) -> list[str]:
        """Return authorized_keys; KEYIDS, by label with _ for -, replace the true ones."""
        host = self.host
        program = f"{host.launcher} --policy {host.policy}"
        plain = keyids.get("web1_backup", self.plain.keyid)
        cert = keyids.get("cert_backup", f"cert-{self.authority.keyid}")
        names = 'cert-authority,principals="bpc-cert-backup@web1"'
        return [
            f'restrict,command="{program} web1-backup {plain}" {self.plain.public}',
            f'{names},restrict,command="{program} cert-backup {cert}" {self.authority.public}',
        ]

    def client(self, label: str, sshd: Sshd | None = None) -> SshClient:
        """Return ssh to SSHD, the exposing one by default, with the key of LABEL."""
        sshd = sshd or self.exposing
        folder = f"{self.site.folder}/ssh/{sshd.port}"
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        return self.site.client_of(sshd, folder, label)

    def record_of_a_login(self, label: str, sshd: Sshd | None = None) -> tuple[int, Record]:
        """Return status and first record of a backup by tar."""
        mark = self.host.log.mark()
        done = self.client(label, sshd).run(f"tar -c -f - -C {self.host.data} .")
        return done.returncode, self.host.log.settled(mark)[0]


@pytest.fixture(scope="module")
def certified() -> Iterator[CertifiedSite]:
    with open_site() as site:
        folder = f"{site.folder}/exposing"
        os.mkdir(folder)
        exposing = Sshd(folder, extra=("ExposeAuthInfo yes",))
        exposing.start()
        try:
            yield CertifiedSite(site, exposing)
        finally:
            exposing.stop()


@pytest.fixture(autouse=True)
def true_lines(certified: CertifiedSite) -> None:
    """Undo what another test wrote into authorized_keys."""
    certified.exposing.authorize(certified.lines())


def fingerprint(key: Key) -> str:
    """Return the fingerprint of KEY as ssh-keygen, not the guard, makes it."""
    done = require(run(["ssh-keygen", "-l", "-f", f"{key.path}.pub"]))
    return done.stdout.decode().split()[1]


def test_the_key_that_logged_in_is_recorded(certified: CertifiedSite) -> None:
    status, record = certified.record_of_a_login("web1-backup")

    assert (status, record["event.action"]) == (0, "command-started")
    assert record["bpc.key.id"] == certified.plain.keyid
    assert record["ssh.key.fingerprint"] == fingerprint(certified.plain)
    assert (record["ssh.key.type"], record["ssh.key.source"]) == ("ssh-ed25519", "both")
    assert "ssh.cert.id" not in record


def test_without_the_option_the_forced_command_alone_names_the_key(
    certified: CertifiedSite,
) -> None:
    status, record = certified.record_of_a_login("web1-backup", certified.site.sshd)

    assert (status, record["bpc.key.id"]) == (0, certified.plain.keyid)
    assert not [name for name in record if name.startswith("ssh.")]


def test_another_key_than_the_line_says_is_refused_and_named(certified: CertifiedSite) -> None:
    certified.exposing.authorize(certified.lines(web1_backup="0" * 32))

    status, record = certified.record_of_a_login("web1-backup")

    assert (status, record["event.code"]) == (126, "key-mismatch")
    assert record["bpc.key.id"] == "0" * 32
    assert record["ssh.key.fingerprint"] == fingerprint(certified.plain)
    assert record["ssh.key.source"] == "authinfo"


def test_a_certificate_is_recorded_by_its_key_and_its_authority(certified: CertifiedSite) -> None:
    status, record = certified.record_of_a_login("cert-backup")

    assert (status, record["event.action"]) == (0, "command-started")
    assert record["bpc.key.id"] == certified.certified.keyid
    assert record["ssh.key.fingerprint"] == fingerprint(certified.certified)
    assert (record["ssh.key.type"], record["ssh.key.source"]) == ("ssh-ed25519", "authinfo")
    assert (record["ssh.cert.id"], record["ssh.cert.serial"]) == (IDENTITY, SERIAL)
    assert record["ssh.cert.ca_fingerprint"] == fingerprint(certified.authority)


def test_the_greeting_names_the_certified_key(certified: CertifiedSite) -> None:
    done = certified.client("cert-backup").run()

    assert f"key={certified.certified.keyid} ".encode() in done.stdout
    assert done.stdout.endswith(f" authority={certified.authority.keyid}\n".encode())


def test_a_line_for_certificates_takes_no_plain_key(certified: CertifiedSite) -> None:
    certified.exposing.authorize(certified.lines(web1_backup=f"cert-{certified.authority.keyid}"))

    status, record = certified.record_of_a_login("web1-backup")

    assert (status, record["event.code"]) == (126, "key-mismatch")
    assert record["ssh.key.fingerprint"] == fingerprint(certified.plain)


def test_a_line_for_certificates_needs_the_option(certified: CertifiedSite) -> None:
    sshd = certified.site.sshd
    sshd.authorize(certified.lines())

    status, record = certified.record_of_a_login("cert-backup", sshd)

    certified.site.enrol()
    assert (status, record["event.code"]) == (126, "key-mismatch")
    assert "ExposeAuthInfo" in record["event.reason"]


def test_the_refusal_of_a_key_is_one_word_to_the_peer(certified: CertifiedSite) -> None:
    certified.exposing.authorize(certified.lines(web1_backup="0" * 32))

    done = certified.client("web1-backup").run("tar -c -f - -C / .")

    assert (done.stdout, done.stderr) == (b"", b"bpc-ssh-guard: refused (key-mismatch)\n")


def test_two_keys_that_must_both_log_in_are_both_looked_at(certified: CertifiedSite) -> None:
    """AuthenticationMethods publickey,publickey: the file has a line for each."""
    folder = f"{certified.site.folder}/both"
    os.mkdir(folder)
    second = Key.generate(f"{folder}/second")
    extra = ("ExposeAuthInfo yes", "AuthenticationMethods publickey,publickey")
    sshd = Sshd(folder, extra=extra)
    line = certified.lines()[0]
    sshd.authorize([line, line.replace(certified.plain.public, second.public)])
    sshd.start()
    try:
        client = certified.client("web1-backup", sshd)
        mark = certified.host.log.mark()
        done = run(client.argv("tar", "-c", "-f", "-", "-C", certified.host.data, ".",
                               options=("-i", second.path)))
        assert done.returncode == 0, done.stderr
        record = certified.host.log.settled(mark)[0]
        assert record["ssh.key.fingerprint"] == fingerprint(certified.plain)
    finally:
        sshd.stop()


def test_what_the_client_says_of_its_key_is_not_believed(certified: CertifiedSite) -> None:
    """AcceptEnv may let the variable in: sshd's own replaces it; alone it vouches for nobody."""
    forged = f"{certified.site.folder}/forged"
    with open(forged, "w", encoding="ascii") as file:
        file.write(f"publickey {certified.certified.public}\n")
    os.chmod(forged, 0o600)
    for number, extra in enumerate((("ExposeAuthInfo yes",), ())):
        folder = f"{certified.site.folder}/lax{number}"
        os.mkdir(folder)
        sshd = Sshd(folder, extra=("AcceptEnv SSH_USER_AUTH", *extra))
        sshd.authorize(certified.lines())
        sshd.start()
        try:
            client = certified.client("web1-backup", sshd)
            asked = ("tar", "-c", "-f", "-", "-C", certified.host.data, ".")
            argv = client.argv(*asked, options=("-o", f"SetEnv SSH_USER_AUTH={forged}"))
            mark = certified.host.log.mark()
            done = run(argv)
            record = certified.host.log.settled(mark)[0]
        finally:
            sshd.stop()
        if extra:
            assert done.returncode == 0, done.stderr
            assert record["ssh.key.fingerprint"] == fingerprint(certified.plain)
        else:
            assert (done.returncode, record["event.code"]) == (126, "key-mismatch")
