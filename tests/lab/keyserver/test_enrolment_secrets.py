"""What an enrolment hears and makes in secret stays where it belongs, on both machines.

Private keys, password, passphrase and the log's first key: in no output but the one line that
shows K_0 on the terminal, in no JSON, argument, log, traceback, or file but the key's own.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.keys import Key
from tests.lab.process import run, terminate, wait_for

from .enrolment import ROOTS, Server, typed
from .machine import PASSWORD
from .secrets import PRIVATE, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .machine import Machine

pytestmark = pytest.mark.lab

PASSPHRASE = "a staple for the key itself"
TRACE = ["strace", "-f", "-s", "65536", "-e", "trace=execve", "-o"]


@contextlib.contextmanager
def traced(machine: Machine, path: Path) -> Iterator[None]:
    """Write to PATH each program that MACHINE starts in the block, with its arguments."""
    said = path.with_suffix(".attached")
    with open(said, "wb") as file:
        strace = subprocess.Popen([*TRACE, str(path), "-p", str(machine.pid)], stderr=file)
    try:
        wait_for("strace to attach", lambda: b"attached" in said.read_bytes())
        yield
    finally:
        terminate(strace)


def keys_of(server: Server) -> list[bytes]:
    """Return what must not be seen of each private key that SERVER has made."""
    found = [each for path in sorted((server.folder / "var").rglob("*"))
             if path.is_file() and path.read_bytes().startswith(PRIVATE)
             for each in secrets_of(path)]
    assert len(set(found)) > 20
    return found


def kept(server: Server) -> bytes:
    """Return all that lies on both machines but the private keys, and what was logged."""
    machine = server.machine
    names = ("var/lib/bpc-ssh-guard", "var/log/bpc-ssh-guard", "etc/bpc-ssh-guard", "root/.ssh")
    folders = [server.folder, *(machine.path(f"/{name}") for name in names)]
    files = [path for folder in folders for path in folder.rglob("*")]
    texts = [path.read_bytes() for path in files if path.is_file() and not path.is_symlink()]
    return b"\n".join([each for each in texts if not each.startswith(PRIVATE)]
                      + [(machine.folder / "log").read_bytes()])


def test_a_password_and_the_first_key_of_the_log_are_seen_by_nobody_but_the_admin(
    server: Server, tmp_path: Path
) -> None:
    """The way that makes all there is: guard, log and keys, by a login with a password."""
    server.machine.begin_again(guard=False)
    words = ["web1", "--fingerprint", server.machine.fingerprint, *ROOTS, "--json"]
    argv = [*TRACE, str(tmp_path / "here"), *server.argv("enroll", *words)]
    told = ["/bin/sh", "-c", f'exec "$@" > {tmp_path}/json', "sh", *argv]
    with traced(server.machine, tmp_path / "there"):
        status, seen = typed(told, [
            (b"password: ", PASSWORD.encode()), (b"Install the guard", b"y"),
            (b"Write /etc/bpc-ssh-guard/policy?", b"y"),
        ])
    assert status == 0, seen
    (shown,) = [line for line in seen.splitlines() if line.startswith(b"key  ")]
    first = shown.split()[1]
    written = b"".join((tmp_path / name).read_bytes() for name in ("json", "here", "there"))
    assert b'"step": "log"' in written
    assert b"bpc-ssh-guardctl log --policy" in written  # the client's side was traced, too
    anywhere = seen.replace(shown, b"") + written + kept(server)
    secrets = [first, bytes.fromhex(first.decode()), PASSWORD.encode(), *keys_of(server)]
    assert [each for each in secrets if each in anywhere] == []
    assert not [each for each in keys_of(server) if each in seen]


def test_a_passphrase_and_the_admins_own_key_stay_with_the_admin(
    logged: Server, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.write_bytes(Path(logged.machine.admin.path).read_bytes())
    own.chmod(0o600)
    admins = list(secrets_of(own))
    assert run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(own)]
               ).returncode == 0
    words = ["web1", "--fingerprint", logged.machine.fingerprint, *ROOTS, "--yes", "--identity",
             str(own)]
    argv = [*TRACE, str(tmp_path / "here"), *logged.argv("enroll", *words)]

    status, refused = typed(argv, [(b"passphrase of", b"another")])
    assert (status, b"has another passphrase" in refused) == (1, True)
    with traced(logged.machine, tmp_path / "there"):
        status, seen = typed(argv, [(b"passphrase of", PASSPHRASE.encode())])

    assert status == 0, seen
    seen += refused + b"".join((tmp_path / name).read_bytes() for name in ("here", "there"))
    assert b"bpc-ssh-guardctl authorize" in seen
    secrets = [PASSPHRASE.encode(), *admins, *keys_of(logged)]
    assert [each for each in secrets if each in seen + kept(logged)] == []


@pytest.mark.parametrize("words", [("--print",), ("--dry-run",)])
def test_what_is_shown_of_an_enrolment_has_no_private_key(
    logged: Server, tmp_path: Path, words: tuple[str, ...]
) -> None:
    trace = tmp_path / "here"
    said = b""
    for more in ((), ("--json",)):
        argv = logged.argv("enroll", *logged.words(*words, *more))
        done = run([*TRACE, str(trace), *argv])
        said += done.stdout + done.stderr + trace.read_bytes()
    logged.enrol()
    assert b"execve" in said
    assert [each for each in keys_of(logged) if each in said] == []


@pytest.mark.parametrize("damage", ["cut", "garbled", "other"])
def test_a_damaged_key_of_the_admin_is_told_by_its_path_alone(
    logged: Server, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "own"
    data = Path(Key.generate(str(path)).path).read_bytes()
    secrets = list(secrets_of(path))
    path.write_bytes({
        "cut": data[: len(data) // 2],
        "garbled": data.replace(b"A", b"B"),
        "other": data.replace(b"OPENSSH", b"RSA"),
    }[damage])
    words = [str(path) if word == logged.machine.admin.path else word for word in logged.words()]

    done = logged.run("enroll", *words)

    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert f"(files); {path}: ".encode() in said
    assert b"Traceback" not in said
    assert [each for each in (*secrets, b"BEGIN") if each in said] == []
