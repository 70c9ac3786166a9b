"""The ways out of bpc-ssh-keys-recovery(7), walked for real by the page's own commands."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.files import Pair
from tests.docs.pages import RECOVERY, text
from tests.lab.keys import Key
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


def replace_rotation_key(world: World, client: LabClient, case: str) -> None:
    """Make and authorize another rotation key by the page's commands of CASE."""
    path = world.server.config.hosts["web1"].rotation_key
    for name in (path, f"{path}.pub"):
        os.unlink(name)
    world.server.run("list", "--host", "web1", status=1)
    (keygen,) = [words for words in commands(case) if words[0] == "ssh-keygen"]
    require(run([path if word.startswith("/") else word for word in keygen]))
    (authorize,) = [words for words in commands(case) if words[0] == "bpc-ssh-guardctl"]
    require(on_client(world, client, authorize))


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
    others = [line for line in client.lines() if ":web1-rotate:" not in line]

    replace_rotation_key(world, client, case)
    old = client.lines_of("web1-rotate")[0]
    client.sshd.authorize([line for line in client.lines() if line != old])

    walk(server, case, "list")
    assert [line for line in client.lines() if ":web1-rotate:" not in line] == others
    require_sound(server)


@pytest.mark.parametrize("took_ours_out", [False, True], ids=["beside ours", "in its place"])
def test_a_thief_of_the_rotation_key_loses_it_and_the_keys_that_he_added(
    world: World, client: LabClient, tmp_path: Path, took_ours_out: bool
) -> None:
    case, server = "A rotation key is in wrong hands", world.server
    thief, ours = Key.generate(str(tmp_path / "thief")), server.current("web1-backup").key_id
    stolen = shutil.copy(server.config.hosts["web1"].rotation_key, tmp_path / "stolen")
    os.chmod(stolen, 0o600)
    pair = Pair(2, thief.keyid, thief.public, Path(thief.path))

    def ask(request: str) -> bytes:
        argv = server.ssh("web1-backup", f"bpc-key/1 {request}")
        argv[argv.index("-i") + 1] = str(stolen)
        return run(argv).stdout

    assert b'"staged"' in ask(f"stage web1-backup g2 {thief.public}")
    assert server.greeting("web1-backup", pair)
    assert b'"confirmed"' in ask(f"confirm web1-backup {thief.keyid}")
    if took_ours_out:
        assert b'"retired"' in ask(f"retire web1-backup {ours}")

    client.sshd.authorize([line for line in client.lines() if ":web1-rotate:" not in line])
    assert ask("list") == b""
    replace_rotation_key(world, client, "A rotation key is lost")
    found = server.records("verify", "--host", "web1", status=1)
    (told,) = [each["text"] for each in found if each["error"] == "unknown-key"]
    assert thief.keyid in told
    if not took_ours_out:  # the client gives up no key without a later one
        refused = server.records("revoke", "--host", "web1", "--key", thief.keyid, status=1)
        assert "take its line out on the client" in refused[0]["text"]
    client.sshd.authorize([line for line in client.lines() if f":{thief.keyid}:" not in line])

    walk(server, case, "rotate")
    require_sound(server)
    assert not server.greeting("web1-backup", pair)
    assert server.current("web1-backup").key_id != ours
