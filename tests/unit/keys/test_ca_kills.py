"""A run that issues certificates is killed before each of its writes: all stays whole."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from bpc_ssh_guard.cli.keys import main
from bpc_ssh_guard.keys.certificates import certificate
from bpc_ssh_guard.keys.certificates.ca import Authorities
from bpc_ssh_guard.keys.certificates.serials import Serials
from bpc_ssh_guard.keys.durable import NEW
from tests.lab.certificates import killed

MOST_WRITES = 100


class Server:
    """A server below FOLDER with an authority and two labels of one host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.authority = folder / "ca"

    @classmethod
    def begun(cls, folder: Path) -> Server:
        (folder / "var").mkdir(mode=0o750, parents=True)
        server = cls(folder)
        server.write_config()
        assert server.ca("init") == 0
        return server

    def write_config(self) -> None:
        self.config.write_text(
            f'[paths]\netc = "{self.folder}/etc"\nvar = "{self.folder}/var"\nreader = ""\n'
            f'[certificates]\nfolder = "{self.authority}"\n'
            '[host.web1]\nchannel = "certificate"\nfrom = "192.0.2.10"\n'
        )

    def copied(self, folder: Path) -> Server:
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = Server(folder)
        copy.write_config()
        return copy

    def ca(self, action: str, *words: str) -> int:
        return main(["ca", "--config", str(self.config), *words, action])

    def killed(self, number: int, action: str) -> bool:
        """Run ACTION in a process that ends before its write NUMBER; tell whether it did."""
        child = os.fork()
        if child == 0:
            killed.at_write(number)
            os._exit(self.ca(action))
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0
        return False

    def issued(self) -> list[certificate.Issued]:
        """Return the certificates in use, each of which is whole."""
        paths = sorted(self.folder.glob("var/keys/web1/*/current-cert.pub"))
        in_place = [path for path in paths if path.parent.suffix != NEW]
        found = [certificate.read(path) for path in in_place]
        assert None not in found
        return [each for each in found if each is not None]

    def serials(self) -> dict[int, str]:
        """Return the keys to which serials were given."""
        serials = Serials(self.authority)
        try:
            return {serial: item.key for serial, item in serials.all()}
        finally:
            serials.close()


def require_whole(server: Server, before: dict[int, str]) -> None:
    """Hold what is in use to what was noted, and no serial of BEFORE to be given twice."""
    noted = server.serials()
    assert before.items() <= noted.items()
    for each in server.issued():
        assert noted[each.serial] == each.key
        assert each.authority == Authorities(server.authority).current().blob


def test_nothing_is_torn_and_no_serial_given_twice_wherever_it_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = Server.begun(tmp_path / "fresh")
    used = fresh.copied(tmp_path / "used")
    assert used.ca("issue") == 0
    for name, start in (("fresh", fresh), ("used", used)):
        before = start.serials()
        for number in range(1, MOST_WRITES):
            server = start.copied(tmp_path / f"{name}{number}")
            if not server.killed(number, "issue"):
                break
            require_whole(server, before)
            seen = server.serials()
            assert server.ca("issue") == 0
            require_whole(server, seen)
            assert len(server.issued()) == 2
            assert all(each.serial > max(seen, default=0) for each in server.issued())
            assert list(server.folder.rglob("*.new")) == []
        assert 8 < number < MOST_WRITES - 1
    capsys.readouterr()


def test_an_authority_is_begun_whole_or_anew_wherever_it_is_killed(tmp_path: Path) -> None:
    for number in range(1, MOST_WRITES):
        folder = tmp_path / str(number)
        (folder / "var").mkdir(mode=0o750, parents=True)
        server = Server(folder)
        server.write_config()
        if not server.killed(number, "init"):
            break
        server.ca("init")  # fails where all but the last word was done
        assert Authorities(server.authority).current().generation == 1
        assert server.ca("issue") == 0
        assert len(server.issued()) == 2
    assert 5 < number < MOST_WRITES - 1


@pytest.mark.parametrize("damage", ["cut", "garbled", "other", "open"])
def test_a_damaged_authority_is_told_by_its_path_alone(
    tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server = Server.begun(tmp_path / "server")
    path = server.authority / "g1"
    data = path.read_bytes()
    key = serialization.load_ssh_private_key(data, None)
    seed = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                             serialization.NoEncryption())
    path.write_bytes({
        "cut": data[: len(data) // 2], "garbled": data.replace(b"A", b"B"),
        "other": data.replace(b"OPENSSH", b"RSA"), "open": data,
    }[damage])
    path.chmod(0o640 if damage == "open" else 0o600)
    capfd.readouterr()

    assert server.ca("issue") != 0

    said = "".join(capfd.readouterr())
    assert str(path) in said
    assert "Traceback" not in said
    secrets = [line for line in data.decode().splitlines()[2:-1] if len(line) > 20]
    assert [each for each in (*secrets, seed.hex(), "BEGIN") if each in said] == []


def test_no_private_key_of_the_authority_is_in_output_or_store(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = Server.begun(tmp_path / "server")
    for action in ("lines", "issue", "renew"):
        assert server.ca(action) == server.ca(action, "--json") == 0
    seen = "".join(capfd.readouterr()).encode()
    for path in server.folder.rglob("*"):
        if path.is_file() and path.name not in ("g1", "current"):
            seen += path.read_bytes()
    data = (server.authority / "g1").read_bytes()
    assert [each for each in data.splitlines()[2:-1] if len(each) > 20 and each in seen] == []
    assert b"ssh-ed25519-cert-v01" in seen
