"""A login gets the greeting or a refusal: no file transfer, forwarding, agent or terminal."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import __version__

from .process import run, running, start, terminate, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .clients import SshClient
    from .host import CommandLog
    from .site import Site

pytestmark = pytest.mark.lab


@pytest.fixture
def loose_key(site: Site) -> SshClient:
    """Return ssh with a key whose line lacks `restrict`: what sshd allows shows with this one."""
    return site.client("loose-backup")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a socket that listens on loopback and accepts nothing by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """Return the socket of an ssh-agent without keys."""
    path = str(tmp_path / "agent")
    process = start(["ssh-agent", "-D", "-a", path])
    try:
        wait_for("ssh-agent listens", lambda: os.path.exists(path))
        yield path
    finally:
        terminate(process)
        process.communicate()


def test_login_without_a_command_is_greeted_and_recorded(
    backup_key: SshClient, log: CommandLog
) -> None:
    mark = log.mark()

    done = backup_key.run()

    greeting = (
        f"bpc-ssh-guard {__version__} label=web1-backup key={backup_key.key.keyid} generation=-\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (126, greeting.encode(), b"")
    [record] = log.settled(mark)
    assert record["bpc.key.label"] == "web1-backup"
    assert record["bpc.key.id"] == backup_key.key.keyid
    assert "process.command_line" not in record


def test_sftp_and_scp_are_refused(
    backup_key: SshClient, log: CommandLog, data: str, tmp_path: Path
) -> None:
    with open(f"{data}/file", "w", encoding="ascii") as file:
        file.write("inside the roots\n")
    got = str(tmp_path / "got")
    mark = log.mark()

    transfers = [
        run(["sftp", "-F", backup_key.config, f"client:{data}/file", got]),
        run(["scp", "-F", backup_key.config, f"client:{data}/file", got]),
        run(["scp", "-O", "-F", backup_key.config, f"client:{data}/file", got]),
        run(["scp", "-O", "-F", backup_key.config, f"{data}/file", f"client:{data}/new"]),
    ]

    assert 0 not in [done.returncode for done in transfers]
    assert not os.path.exists(got)
    assert os.listdir(data) == ["file"]
    records = log.settled(mark)
    assert [record["event.code"] for record in records] == ["unknown-program"] * 4


def test_nothing_is_forwarded_to_a_port(
    backup_key: SshClient, loose_key: SshClient, listener: socket.socket
) -> None:
    address = f"127.0.0.1:{listener.getsockname()[1]}"

    refused = run(backup_key.argv(options=("-W", address)))
    assert b"forwarding failed" in refused.stderr
    assert not _was_reached(listener)

    # The same sshd forwards for a line without `restrict`: the lab could have seen it.
    with running(loose_key.argv(options=("-W", address))):
        wait_for("the forwarded connection", lambda: _was_reached(listener))


def test_no_port_of_the_client_is_forwarded(backup_key: SshClient) -> None:
    options = ("-N", "-R", "0:127.0.0.1:9", "-o", "ExitOnForwardFailure=yes")

    refused = run(backup_key.argv(options=options))

    assert refused.returncode == 255
    assert b"forwarding failed" in refused.stderr


def test_no_agent_reaches_the_guard(
    backup_key: SshClient, loose_key: SshClient, log: CommandLog, endless: str, agent: str
) -> None:
    def seen_with(key: SshClient) -> set[str]:
        mark = log.mark()
        argv = key.argv(f"tar -c -f - -C {endless} .", options=("-A",))
        with running(argv, env={**os.environ, "SSH_AUTH_SOCK": agent}):
            names = _environment_names(log.started(mark)["process.pid"])
        log.settled(mark)
        return names

    assert "SSH_AUTH_SOCK" not in seen_with(backup_key)
    assert "SSH_AUTH_SOCK" in seen_with(loose_key)


def test_no_terminal_is_allocated(backup_key: SshClient, loose_key: SshClient) -> None:
    refused, allowed = (run(key.argv(options=("-tt",))) for key in (backup_key, loose_key))

    assert b"PTY allocation request failed" in refused.stderr
    assert b"PTY allocation request failed" not in allowed.stderr


def _was_reached(listener: socket.socket) -> bool:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


def _environment_names(pid: int) -> set[str]:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return {each.partition(b"=")[0].decode() for each in file.read().split(b"\0")}
