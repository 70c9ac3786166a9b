"""A client that takes certificates, its server, and an authority of that."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bpc_ssh_guard.authorized_keys.authority import authority_id
from bpc_ssh_guard.keys.certificates import CERTIFICATE, certificate, settings
from bpc_ssh_guard.keys.certificates.ca import Authorities
from bpc_ssh_guard.keys.certificates.certificate import Terms
from tests.lab.keyserver.world import KeyServer, World
from tests.lab.process import require, run
from tests.lab.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bpc_ssh_guard.keys.certificates.ca import Authority
    from bpc_ssh_guard.keys.files import Pair
    from tests.lab.process import Done

LABEL = "web1-backup"


class Site:
    """A client with a line of the authority for each label, and the rotation key's.

    CERTIFICATES is what its policy says for each label of the authorities that it takes.
    """

    def __init__(self, folder: str, certificates: str = "") -> None:
        self.world = World(folder, ["web1"])
        self.client = self.world.clients["web1"]
        os.mkdir(f"{folder}/exposing")
        self.client.sshd = Sshd(f"{folder}/exposing", extra=("ExposeAuthInfo yes",))
        self.certificates = certificates
        self.write_policy()
        self.world.start()
        self.server = self.world.server
        self.server.enrol(self.client)  # the host key, and pairs that stay
        self.configure(self.server, f"{folder}/ca")
        self.ca("init")
        self.rotation = self.client.lines_of("web1-rotate")
        self.allow(*self.lines())

    def configure(self, server: KeyServer, authority: str) -> None:
        """Let SERVER serve the client by certificates of the folder AUTHORITY."""
        server.write_config('channel = "certificate"', 'from = "127.0.0.1"')
        with open(server.path, "a", encoding="ascii") as file:
            file.write(f'[certificates]\nfolder = "{authority}"\n'
                       f'program = "{self.world.folder}/guard/sbin/bpc-ssh-guard"\n'
                       f'policy = "{self.client.folder}/policy"\n')

    def copied(self, folder: Path) -> KeyServer:
        """Return another server in FOLDER with the same keys, store and authority."""
        other = KeyServer.copied(self.server, str(folder / "server"))
        shutil.copytree(self.authorities.folder, folder / "ca", symlinks=True)
        self.configure(other, str(folder / "ca"))
        return other

    def write_policy(self) -> None:
        """Write the policy, with the line for certificates in it."""
        self.client.write_policy()
        path = f"{self.client.folder}/policy"
        with open(path, encoding="ascii") as file:
            text = file.read()
        if self.certificates:
            for label in ("web1-backup", "web1-restore"):
                text = text.replace(f"Key {label}\n",
                                    f"Key {label}\n    Certificates {self.certificates}\n")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def ca(self, action: str, *words: str, status: int = 0) -> Done[bytes]:
        """Run `ca ACTION WORDS`; STATUS is how it ends."""
        return self.server.run("ca", action, *words, status=status)

    def lines(self) -> list[str]:
        """Return the lines of all authorities."""
        shown = self.ca("lines").stdout.decode("ascii").splitlines()
        return [line for line in shown if not line.startswith("#")]

    def allow(self, *lines: str) -> None:
        """Let in by LINES and the rotation key, by nothing else."""
        self.client.sshd.authorize([*lines, *self.rotation])

    @property
    def authorities(self) -> Authorities:
        """The authority and what is to replace it."""
        return Authorities(settings.load(self.server.config).folder)

    def login(self, text: bytes, *command: str, pair: Pair | None = None) -> Done[bytes]:
        """Log in with the key of LABEL, or PAIR, and the certificate TEXT."""
        return run(self.argv(text, *command, pair=pair))

    def argv(self, text: bytes, *command: str, pair: Pair | None = None) -> list[str]:
        """Return what starts ssh with the key of LABEL, or PAIR, and TEXT for COMMAND."""
        path = f"{self.server.folder}/shown-cert.pub"
        with open(path, "wb") as file:
            file.write(text)
        argv = self.server.ssh(LABEL, *command, pair=pair)
        argv[1:1] = ["-o", f"CertificateFile={path}"] if text else []
        return argv

    def path_of(self, label: str) -> Path:
        """Return the path of the certificate of LABEL in use."""
        return self.server.pairs(label).folder / CERTIFICATE

    def command(self, label: str, authority: bytes = b"") -> bytes:
        """Return the forced command of LABEL for the blob of AUTHORITY, or of that in use."""
        call = settings.load(self.server.config).call_of("web1")
        return call.command(label, authority_id(authority or self.authorities.current().blob))

    def in_use(self) -> bytes:
        """Return the certificate of LABEL in use."""
        with open(self.server.pairs(LABEL).folder / CERTIFICATE, "rb") as file:
            return file.read()

    def signed_for_host(self) -> bytes:
        """Return a certificate as `signed` makes it, but one for a host."""
        pair, authority = self.server.current(LABEL), self.authorities.current()
        argv = ["ssh-keygen", "-q", "-h", "-s", str(authority.pair.path), "-I", "x", "-n",
                f"bpc-{LABEL}@web1", "-V", "-1m:+10m"]
        copy = f"{self.server.folder}/of-host"
        with open(f"{copy}.pub", "w", encoding="ascii") as file:
            file.write(f"{pair.public}\n")
        require(run([*argv, f"{copy}.pub"]))
        with open(f"{copy}-cert.pub", "rb") as file:
            return file.read()

    def signed(
        self, begins: int = -60, ends: int = 600, authority: Authority | None = None,
        **changes: object,
    ) -> bytes:
        """Return a certificate with CHANGES to its terms, valid from BEGINS to ENDS from now."""
        config = self.server.config
        found = settings.load(config)
        authority = authority or self.authorities.current()
        terms = replace(Terms.of(found, config.hosts["web1"], LABEL, authority.blob), **changes)
        now = int(time.time())
        return certificate.sign(authority, terms, self.server.current(LABEL), 7, now + begins,
                                now + ends)


@contextlib.contextmanager
def open_certified_site(folder: Path, certificates: str = "") -> Iterator[Site]:
    """Give a site below FOLDER whose sshd ends with the block."""
    os.chmod(folder, 0o755)
    site = Site(str(folder), certificates)
    try:
        yield site
    finally:
        site.world.stop()
