"""The probe of the server socket speaks as BackupPC's own clients do, and waits for nobody long."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

import pytest

from bpc_ssh_guard.posture.probe import socket as probe
from bpc_ssh_guard.posture.probe.socket import MOST_BYTES, NoServer, digest

SEED = b"1700000000,1,4242,0\n"


@pytest.mark.parametrize(("secret", "counter", "expected"), [
    (b"sesame", 0, b"qI36V8cl6ihVusE/K7+rIA"), (b"sesame", 1, b"+ky4IrAwrOMa6J7krL9jNg"),
    (b"", 0, b"j9+VmCSOr4T9YhYcIysmgg"),
])
def test_makes_the_digest_of_backuppc(secret, counter, expected):
    assert digest(SEED, counter, secret, b"status queueLen") == expected


def _greeted_by(path, line: bytes, limit: float = 5.0) -> str:
    """Return what the probe says of a server whose first line is LINE."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        server.listen(1)

        def serve():
            end, _ = server.accept()
            with end, contextlib.suppress(ConnectionResetError):
                end.sendall(line)
                end.recv(1)  # until the probe goes

        thread = threading.Thread(target=serve)
        thread.start()
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            with probe.unix(place, limit) as connection, pytest.raises(NoServer) as told:
                connection.greeting()
        finally:
            os.close(place)
            thread.join()
    return str(told.value)


def test_asks_nothing_of_a_server_that_greets_otherwise(tmp_path):
    assert "not BackupPC's" in _greeted_by(tmp_path / "s", b"220 mail ESMTP\n")


def test_reads_no_line_without_end(tmp_path):
    assert str(MOST_BYTES) in _greeted_by(tmp_path / "s", b"1" * 2 * MOST_BYTES)


def test_gives_up_on_a_server_that_never_greets(tmp_path):
    assert "no answer" in _greeted_by(tmp_path / "s", b"", 0.2)
