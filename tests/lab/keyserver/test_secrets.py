"""No private key leaves its file: not in output, JSON, store, arguments or a traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.process import run

from .secrets import secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .world import KeyServer, World

pytestmark = pytest.mark.lab

ONE = ("--label", "backup")


def files_beside(server: KeyServer) -> Iterator[Path]:
    """Yield every file of the server but the private keys."""
    for folder, _, names in os.walk(server.folder):
        for name in names:
            is_private = name == "current" or (name[0] == "g" and name[1:].isdigit())
            if not is_private and os.path.basename(folder) != "rotation":
                yield Path(folder) / name


def test_no_private_key_is_in_output_store_or_arguments(world: World) -> None:
    server = world.server
    host = server.config.hosts["web1"]
    kept: list[bytes] = list(secrets_of(Path(host.rotation_key)))
    seen = b""
    trace = Path(server.folder) / "trace"
    strace = ["strace", "-f", "-s", "4096", "-e", "trace=execve", "-o", str(trace)]
    for words in (("rotate", *ONE), ("resume", "--emergency"), ("list",), ("verify",),
                  ("export",), ("rebuild",), ("revoke", "--emergency", "--host", "web1")):
        for pair in server.pairs("web1-backup").all().values():
            kept += secrets_of(pair.path)
        done = run([*strace, *server.argv(*words, "--json")])
        assert done.returncode == 0, done
        seen += done.stdout + done.stderr + trace.read_bytes()
    for pair in server.pairs("web1-backup").all().values():
        kept += secrets_of(pair.path)
    assert len(set(kept)) > 20
    assert b"execve" in seen
    for path in files_beside(server):
        seen += path.read_bytes()
    assert [each for each in kept if each in seen] == []


@pytest.mark.parametrize("damage", ["cut", "garbled", "other"])
def test_a_damaged_private_key_is_told_by_its_path_alone(world: World, damage: str) -> None:
    server = world.server
    server.killed("after:staged", "rotate", "--emergency", *ONE)
    path = server.pairs("web1-backup").all()[2].path
    secrets, data = list(secrets_of(path)), path.read_bytes()
    path.write_bytes({
        "cut": data[: len(data) // 2],
        "garbled": data.replace(b"A", b"B"),
        "other": data.replace(b"OPENSSH", b"RSA"),
    }[damage])

    done = server.run("resume", "--emergency", status=1)

    said = done.stdout + done.stderr
    assert f"(files) after staged; {path}: is no Ed25519 key".encode() in said
    assert b"Traceback" not in said
    assert [each for each in secrets if each in said] == []
    assert b"BEGIN" not in said
    found = server.records("verify", *ONE, status=1)
    assert {"files"} <= {each["error"] for each in found}
    path.write_bytes(data)
    server.run("resume", "--emergency")
    assert server.works("web1-backup")
