"""A host is known by the key whose fingerprint the admin brought, and by no other."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.durable import FILE_MODE
from tests.lab.keys import Key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .world import World

pytestmark = pytest.mark.lab


def fingerprint(key: Key) -> str:
    """What ssh-keygen says of KEY on the client's own console."""
    done = subprocess.run(["ssh-keygen", "-lf", f"{key.path}.pub"], capture_output=True,
                          text=True, check=True, timeout=60)
    return done.stdout.split()[1]


@pytest.fixture
def known(world: World) -> Iterator[Path]:
    """The file of web1's host key, which is not there yet."""
    path = world.server.config.known_hosts / "web1"
    right = path.read_bytes()
    path.unlink()
    yield path
    path.write_bytes(right)


def said(world: World, *words: str) -> bytes:
    """What a command that could not be done said."""
    return world.server.run("hostkey", *words, status=2).stderr


def test_a_key_with_the_right_fingerprint_is_stored_and_serves(world: World, known: Path) -> None:
    key = world.clients["web1"].sshd.host_key
    [told] = world.server.records("hostkey", "pin", "web1", "--fingerprint", fingerprint(key))
    assert told == {"host": "web1", "result": "pinned", "fingerprint": fingerprint(key)}
    assert known.read_text() == f"web1 {key.public}\n"
    assert stat.S_IMODE(os.stat(known).st_mode) == FILE_MODE
    assert world.server.records("hostkey", "verify", "web1")[0]["result"] == "same"
    world.server.run("list", "--host", "web1")
    again = world.server.records("hostkey", "pin", "web1", "--fingerprint", fingerprint(key))
    assert again[0]["result"] == "already"


def test_a_key_of_another_fingerprint_is_not_stored(
    world: World, known: Path, tmp_path: Path
) -> None:
    other = fingerprint(Key.generate(str(tmp_path / "other")))
    assert b"somebody is between" in said(world, "pin", "web1", "--fingerprint", other)
    assert not known.exists()


def test_a_key_is_never_stored_because_it_was_shown(world: World, known: Path) -> None:
    assert b"ssh-keygen -lf" in said(world, "pin", "web1")
    assert not known.exists()


def test_another_key_takes_the_place_only_when_it_is_told_to(
    world: World, known: Path, tmp_path: Path
) -> None:
    stale = f"web1 {Key.generate(str(tmp_path / 'stale')).public}\n"
    known.write_text(stale)
    right = fingerprint(world.clients["web1"].sshd.host_key)
    assert world.server.records("hostkey", "verify", "web1", status=1)[0]["result"] == "different"
    assert b"hostkey rotate" in said(world, "pin", "web1", "--fingerprint", right)
    assert known.read_text() == stale
    assert b"--fingerprint" in said(world, "rotate", "web1")
    world.server.run("hostkey", "rotate", "web1", "--fingerprint", right)
    assert world.server.records("hostkey", "verify", "web1")[0]["result"] == "same"


def test_a_host_that_nobody_configured_is_refused(world: World) -> None:
    assert b"names no host" in said(world, "pin", "elsewhere")
