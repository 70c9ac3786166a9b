"""The ways out of bpc-ssh-keys-recovery(7), walked for real by the page's own commands."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import RECOVERY, text
from tests.lab.process import Done, require, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .world import KeyServer, LabClient, World

pytestmark = pytest.mark.lab

LABELS = ("web1-backup", "web1-restore")


def commands(case: str) -> list[list[str]]:
    """The words of each command that the page has for CASE."""
    (found,) = [each for each in text(RECOVERY).split("\n.Ss ") if each.startswith(f"{case}\n")]
    return [shlex.split(line[len(".Dl "):]) for line in found.splitlines()
            if line.startswith(".Dl ")]


def walk(server: KeyServer, case: str, *wanted: str) -> None:
    """Run the commands of CASE on SERVER, those whose command is WANTED, in the page's order."""
    mine = [words[1:] for words in commands(case) if words[0] == "bpc-ssh-keys"]
    chosen = [words for words in mine if words[0] in wanted]
    assert {words[0] for words in chosen} == set(wanted)
    for words in chosen:
        server.run(*words)


def on_client(world: World, client: LabClient, words: list[str]) -> Done[bytes]:
    """Run guardctl's command line WORDS of the page on CLIENT, whose files are elsewhere."""
    prefix = f"{world.folder}/guard/sbin"
    moved = {"/root/.ssh/authorized_keys": client.sshd.authorized_keys,
             "web1.pub": f"{world.server.folder}/var/rotation/web1.pub"}
    more = ["--policy", f"{client.folder}/policy"]
    if words[1] == "authorize":
        more += ["--program", f"{prefix}/bpc-ssh-guard"]
    if words[1] == "check":
        more += ["--authorized-keys", client.sshd.authorized_keys]
    return run([f"{prefix}/{words[0]}", words[1], *more,
                *(moved.get(word, word) for word in words[2:])])


@pytest.fixture
def client(world: World) -> Iterator[LabClient]:
    found = world.clients["web1"]
    yield found
    os.chmod(found.sshd.authorized_keys, 0o600)


def require_sound(server: KeyServer) -> None:
    """Require that both keys log in and nothing differs."""
    for label in LABELS:
        assert server.works(label)
        assert server.entry(label).is_idle
    server.run("verify", "--host", "web1")


def test_a_lost_store_is_made_anew(world: World) -> None:
    database = world.server.config.database
    for tail in ("", "-wal", "-shm"):
        Path(f"{database}{tail}").unlink(missing_ok=True)
    walk(world.server, "The server's store is lost or damaged", "rebuild", "resume")
    require_sound(world.server)


def test_lost_key_files_are_replaced_by_a_new_generation(world: World) -> None:
    shutil.rmtree(world.server.config.keys)
    walk(world.server, "The server's key files are lost", "rebuild", "rotate")
    require_sound(world.server)


def test_a_stolen_key_is_replaced_and_turned_away(world: World) -> None:
    stolen = world.server.current("web1-backup")
    kept = stolen.path.read_bytes()
    walk(world.server, "A backup or restore key is in wrong hands", "revoke")
    require_sound(world.server)
    again = stolen.path.with_name("stolen")
    again.write_bytes(kept)
    pair = type(stolen)(stolen.generation, stolen.key_id, stolen.public, again)
    assert world.server.greeting("web1-backup", pair) == ""
    again.unlink()


@pytest.mark.parametrize(("command", "generation"), [("resume", 2), ("rollback", 1)])
def test_a_rotation_that_is_stuck_is_ended_or_taken_back(
    world: World, command: str, generation: int
) -> None:
    world.server.killed("after:staged", "rotate", "--emergency", "--label", "backup")
    walk(world.server, "A rotation is stuck half way", command)
    if command == "resume":
        world.server.run("resume", "--emergency")
    assert world.server.current("web1-backup").generation == generation
    require_sound(world.server)


def test_check_names_the_file_that_locks_everybody_out(world: World, client: LabClient) -> None:
    keys = client.sshd.authorized_keys
    os.chmod(keys, 0o666)
    (words,) = [each for each in commands("A client turns every key away")
                if each[0] == "bpc-ssh-guardctl"]
    done = on_client(world, client, words)
    assert done.returncode == 1
    assert f"error: {keys}: is writable by everybody".encode() in done.stdout
    os.chmod(keys, 0o600)
    walk(world.server, "A client turns every key away", "resume", "verify")


def test_a_lost_rotation_key_is_made_and_authorized_anew(world: World, client: LabClient) -> None:
    case, server = "A rotation key is lost", world.server
    path = server.config.hosts["web1"].rotation_key
    for name in (path, f"{path}.pub"):
        os.unlink(name)
    server.run("list", "--host", "web1", status=1)
    others = [line for line in client.lines() if ":web1-rotate:" not in line]

    (keygen,) = [words for words in commands(case) if words[0] == "ssh-keygen"]
    require(run([path if word.startswith("/") else word for word in keygen]))
    (authorize,) = [words for words in commands(case) if words[0] == "bpc-ssh-guardctl"]
    require(on_client(world, client, authorize))
    old = client.lines_of("web1-rotate")[0]
    client.sshd.authorize([line for line in client.lines() if line != old])

    walk(server, case, "list")
    assert [line for line in client.lines() if ":web1-rotate:" not in line] == others
    require_sound(server)
