"""A host that is off, silent or no ssh server is told in our words, and holds up nobody long."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys import transport
from bpc_ssh_guard.keys.config import Config, load
from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.transport import Connection, rotation_key
from bpc_ssh_guard.keys.trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def config(tmp_path: Path, listener: socket.socket) -> Config:
    port = listener.getsockname()[1]
    (tmp_path / "known_hosts.d").mkdir()
    (tmp_path / "known_hosts.d" / "web1").write_text(f"web1 {PUBLIC}\n")
    (tmp_path / "config").write_text(
        f'[paths]\netc = "{tmp_path}"\nvar = "{tmp_path}"\n'
        f'[host.web1]\naddress = "127.0.0.1"\nport = {port}\n'
    )
    return load(str(tmp_path / "config"))


def trouble(config: Config) -> Trouble:
    with pytest.raises(Trouble) as caught, Connection(config, config.hosts["web1"]):
        pass
    return caught.value


@pytest.fixture
def answering(listener: socket.socket) -> Iterator[list[bytes]]:
    """Give a list of what the listener says to whoever comes, and then closes."""
    words: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = listener.accept()
                with stream:
                    stream.sendall(b"".join(words))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield words
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 100, b"\0" * 9]
)
def test_what_is_no_ssh_server_is_unreachable(
    config: Config, answering: list[bytes], said: bytes
) -> None:
    answering.append(said)
    assert trouble(config).word == Word.UNREACHABLE


def test_a_port_that_nobody_listens_on_is_unreachable(
    config: Config, listener: socket.socket
) -> None:
    listener.close()
    told = trouble(config)
    port = config.hosts["web1"].port
    assert told.word == Word.UNREACHABLE
    assert str(told).startswith(f"127.0.0.1 port {port}: Connection refused; see that sshd")


def test_a_host_that_takes_connections_and_says_nothing_is_given_up(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "STEP_SECONDS", 0.2)
    assert trouble(config).word == Word.UNREACHABLE


@pytest.mark.parametrize(
    "text",
    ["", "web2 " + PUBLIC, "web1 ssh-ed25519 AAAA", "@cert-authority web1 " + PUBLIC,
     "web1 ssh-dss AAAAB3NzaC1kc3MAAAAA"],
)
def test_without_a_host_key_no_packet_is_sent(
    config: Config, listener: socket.socket, text: str
) -> None:
    (config.known_hosts / "web1").write_text(f"{text}\n")
    told = trouble(config)
    assert told.word == Word.HOST_KEY
    assert "bpc-ssh-keys hostkey pin web1" in str(told)
    listener.settimeout(0.05)
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize("content", [b"", b"not a key", b"\xff\0", None])
def test_a_rotation_key_that_can_not_be_read_is_told_by_its_path(
    config: Config, content: bytes | None
) -> None:
    path = config.var / "rotation" / "web1"
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(Trouble) as caught:
        rotation_key(config.hosts["web1"])
    assert caught.value.word == Word.FILES
    assert str(path) in str(caught.value)


def test_a_rotation_key_is_read_as_long_as_nobody_else_can(config: Config) -> None:
    pair = Pairs(config.var / "rotation").generate(1)
    path = pair.path.rename(config.var / "rotation" / "web1")
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(Trouble, match="others may read the rotation key"):
            rotation_key(config.hosts["web1"])
    path.chmod(0o600)
    assert rotation_key(config.hosts["web1"]).get_base64() == pair.public.split()[1]
