"""What goes wrong on the way, on the client or beside us: told, and mended by the next run."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.keys.lock import locked
from tests.lab.host import CHECKOUT
from tests.lab.process import kill_session, require, run, start, terminate, wait_for
from tests.lab.sshd import Sshd
from tests.lab.trees import write_file

from .proxy import breaking
from .world import KeyServer, LabClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpc_ssh_guard.keys.files import Pair

    from .world import World

pytestmark = pytest.mark.lab

BACKUP = "web1-backup"
RESTORE = "web1-restore"
ONE = ("--label", "backup")
NOW = ("--emergency", *ONE)


def last(records: list[dict[str, Any]]) -> dict[str, Any]:
    return records[-1]


def require_ended(world: World) -> None:
    """Hold that web1's backup key is one alone, works, and is what the store says."""
    server, client = world.server, world.clients["web1"]
    pair = server.current(BACKUP)
    assert server.works(BACKUP)
    (line,) = client.lines_of(BACKUP)
    assert f":{pair.key_id}:" in line
    assert server.entry(BACKUP).key == pair.key_id
    assert server.entry(BACKUP).is_idle


def lines_with(client: LabClient, mark: str) -> int:
    return sum(mark in line for line in client.lines_of(BACKUP))


def kept(server: KeyServer, pair: Pair) -> Pair:
    """Return PAIR in a place where nobody removes it, as a thief's copy."""
    path = Path(f"{server.folder}/kept")
    shutil.copyfile(pair.path, path)
    return dataclasses.replace(pair, path=path)


LOST = {
    "stage": lambda client: lines_with(client, ":g2:staged") == 1,
    "confirm": lambda client: lines_with(client, ":g2") - lines_with(client, ":g2:staged") == 1,
    "retire": lambda client: lines_with(client, ":g1") == 0,
}


@pytest.mark.parametrize("verb", LOST)
def test_a_lost_answer_leaves_the_outcome_open_and_the_next_run_asks_the_client(
    world: World, verb: str
) -> None:
    server, client, port = world.server, world.clients["web1"], world.clients["web1"].sshd.port
    is_done: Callable[[LabClient], bool] = LOST[verb]
    with breaking(port, lambda: is_done(client)) as proxy:
        client.sshd.port = proxy.port
        server.write_config()
        client.sshd.port = port
        record = last(server.records("rotate", *NOW, status=1))
    assert (record["error"], proxy.broken) == ("no-answer", 1)
    server.write_config()
    assert server.works(BACKUP)
    server.run("rotate", *NOW)
    require_ended(world)


@pytest.mark.parametrize("state", ["staged", "proven"])
def test_a_staged_key_whose_day_is_over_is_staged_again(world: World, state: str) -> None:
    server, client = world.server, world.clients["web1"]
    server.killed(f"after:{state}", "rotate", *NOW)
    client.set_end(":g2:staged", -60)
    assert server.works(BACKUP)
    server.run("resume", *NOW)
    require_ended(world)
    assert server.current(BACKUP).generation == 2


@pytest.mark.parametrize("state", ["staged", "proven", "confirmed", "switched"])
def test_a_new_key_that_somebody_took_out_is_staged_again(world: World, state: str) -> None:
    server, client = world.server, world.clients["web1"]
    server.killed(f"after:{state}", "rotate", *NOW)
    client.sshd.authorize([line for line in client.lines() if ":g2" not in line])
    server.run("resume", *NOW)
    require_ended(world)


def test_a_label_whose_lines_were_all_taken_out_begins_again(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    client.sshd.authorize(client.others())
    assert {each["error"] for each in server.records("verify", *ONE, status=1)} == {"missing", None}
    server.run("rotate", *NOW)
    require_ended(world)


def test_two_servers_with_the_same_keys_never_lock_the_client_out(world: World) -> None:
    """The second is a copy of the first, as a machine that was restored beside the living one."""
    first, client = world.server, world.clients["web1"]
    second = KeyServer.copied(first, f"{world.folder}/second")
    try:
        first.killed("after:staged", "rotate", *NOW)

        record = last(second.records("rotate", *NOW, status=1))
        assert record["error"] == "conflict"
        assert "g2" in record["text"]
        assert second.works(BACKUP)
        first.run("resume", *NOW)
        assert first.works(BACKUP)

        assert not second.greeting(BACKUP)  # its key was replaced: it makes one of its own
        second.run("rotate", *NOW)
        assert first.works(BACKUP)
        assert second.works(BACKUP)
        record = last(first.records("rotate", *NOW, status=1))
        assert record["error"] == "unknown-key"
        assert first.works(BACKUP)
        assert len(client.lines_of(BACKUP)) == 2
    finally:
        shutil.rmtree(second.folder)


def test_of_four_runs_at_once_one_replaces_the_key(world: World) -> None:
    server = world.server
    started = [server.start("rotate", "--due", *NOW) for _ in range(4)]
    try:
        said = [process.communicate(timeout=60) for process in started]
    finally:
        for process in started:
            kill_session(process)
    for process, (out, err) in zip(started, said):
        fine = process.returncode == 0 and b"failed" not in out
        assert fine or (process.returncode == 2 and b"(locked)" in out), (out, err)
    require_ended(world)
    assert server.current(BACKUP).generation == 2


def test_who_finds_a_label_locked_says_so_and_changes_nothing(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    lines = client.lines()
    with locked(server.config.locks, "web1", BACKUP):
        record = last(server.records("rotate", *NOW, status=2))
    assert (record["outcome"], record["error"]) == ("failed", "locked")
    assert client.lines() == lines


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_keys_file_that_others_can_write_is_refused_until_it_is_closed(
    world: World, mode: int
) -> None:
    server, client = world.server, world.clients["web1"]
    os.chmod(client.sshd.authorized_keys, mode)
    assert last(server.records("rotate", *NOW, status=1))["error"] == "unsafe-file"
    assert server.works(BACKUP)
    os.chmod(client.sshd.authorized_keys, 0o600)
    server.run("rotate", *NOW)
    require_ended(world)


def test_a_keys_file_behind_a_link_is_refused_until_it_is_a_file(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    path = client.sshd.authorized_keys
    os.rename(path, f"{path}.real")
    os.symlink(f"{path}.real", path)
    assert last(server.records("rotate", *NOW, status=1))["error"] == "unsafe-file"
    assert server.works(BACKUP)
    os.rename(f"{path}.real", path)
    server.run("rotate", *NOW)
    require_ended(world)


FULL_DISK = r"""
set -e
var=$1; shift
cp -a "$var" "$var.saved"
mount -t tmpfs -o size=4m,mode=700 none "$var"
cp -a "$var.saved/." "$var"
dd if=/dev/zero of="$var/fill" bs=512 2>/dev/null || true
set +e
"$@"; first=$?
rm "$var/fill"
"$@"; second=$?
rm -rf "$var.saved"; cp -a "$var" "$var.saved"
exit $((first != 0 && second == 0 ? 0 : 90 + first))
"""


@pytest.mark.parametrize("state", ["idle", "staged", "proven", "confirmed"])
def test_a_full_disk_of_the_server_stops_a_rotation_that_the_next_run_ends(
    world: World, state: str
) -> None:
    """In a mount namespace of its own, where the server's state lies on a tmpfs of 4 MiB."""
    server, client = world.server, world.clients["web1"]
    if state != "idle":
        server.killed(f"after:{state}", "rotate", *NOW)
    others = client.others()
    argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", FULL_DISK, "sh",
            f"{server.folder}/var", *server.argv("resume", *NOW)]
    if state == "idle":
        argv = [word if word != "resume" else "rotate" for word in argv]
    done = run(argv, cwd=CHECKOUT)
    assert done.returncode == 0, done
    shutil.rmtree(f"{server.folder}/var")
    os.rename(f"{server.folder}/var.saved", f"{server.folder}/var")
    require_ended(world)
    assert client.others() == others


def test_another_host_key_is_refused_before_any_key_is_shown(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    path = server.config.known_hosts / "web1"
    other = server.current(BACKUP).public
    with open(path, "w", encoding="ascii") as file:
        file.write(f"web1 {other}\n")
    mark = len(client.sshd.log())
    record = last(server.records("rotate", *NOW, status=1))
    assert record["error"] == "host-key"
    assert "SHA256:" in record["text"]
    assert "Accepted" not in client.sshd.log()[mark:]
    path.unlink()
    assert last(server.records("rotate", *NOW, status=1))["error"] == "host-key"


def test_a_rotation_key_that_was_taken_out_is_told_once_for_all_labels(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    client.sshd.authorize([line for line in client.lines() if ":web1-rotate:" not in line])
    mark = len(client.sshd.log())
    records = server.records("rotate", "--emergency", status=1)
    assert [each["error"] for each in records] == ["not-accepted", "not-accepted"]
    assert client.sshd.log()[mark:].count("Connection from") == 1
    assert server.works(BACKUP)


def test_a_second_line_of_the_old_key_is_found_when_it_still_logs_in(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    (line,) = client.lines_of(BACKUP)
    key = " ".join(line.split(" ssh-ed25519 ")[1].split()[:1])
    client.sshd.authorize(
        [*client.lines(), f'restrict,command="/bin/true" ssh-ed25519 {key} an old friend']
    )
    assert "duplicate" in {each["error"] for each in server.records("verify", *ONE, status=1)}
    record = last(server.records("rotate", *NOW, status=1))
    assert (record["step"], record["error"]) == ("retired", "still-accepted")
    assert server.works(BACKUP)
    client.sshd.authorize([each for each in client.lines() if "an old friend" not in each])
    server.run("resume", *NOW)
    require_ended(world)


def test_the_old_key_stays_until_a_good_backup_was_made_with_the_new_one(world: World) -> None:
    server = world.server
    assert last(server.records("rotate", *ONE))["outcome"] == "soaking"
    old = kept(server, server.pairs(BACKUP).all()[1])
    assert server.works(BACKUP)
    assert server.greeting(BACKUP, old)
    os.mkdir(f"{server.folder}/TopDir/pc/web1")
    path = f"{server.folder}/TopDir/pc/web1/backups"
    write_file(path, f"7\tpartial\t{int(time.time())}\t{int(time.time())}\t3\n")
    assert last(server.records("resume"))["outcome"] == "soaking"
    write_file(path, f"8\tfull\t{int(time.time())}\t{int(time.time())}\t3\n")
    assert last(server.records("resume"))["outcome"] == "soaking"  # the key itself was not used
    time.sleep(3)
    require(run(server.ssh(BACKUP, f"tar -c -f - -C {world.clients['web1'].folder}/data .")))
    assert last(server.records("resume"))["outcome"] == "rotated"
    assert not server.greeting(BACKUP, old)
    require_ended(world)


def test_a_rotation_is_taken_back_as_long_as_its_key_is_not_confirmed(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    for state in ("generated", "staged", "proven"):
        server.killed(f"after:{state}", "rotate", *NOW)
        assert last(server.records("rollback"))["outcome"] in ("rolled-back", "unchanged")
        require_ended(world)
        assert server.current(BACKUP).generation == 1
        assert set(server.pairs(BACKUP).all()) == {1}
    server.run("rotate", *ONE)
    new = server.current(BACKUP)
    record = last(server.records("rollback", *ONE))
    assert (record["outcome"], record["gen"]) == ("rolled-back", 1)
    assert server.works(BACKUP)
    assert server.current(BACKUP).generation == 1
    assert len(client.lines_of(BACKUP)) == 2
    server.run("resume", *NOW)
    require_ended(world)
    assert server.current(BACKUP) == new


def test_a_lost_store_is_rebuilt_in_the_midst_of_a_rotation(world: World) -> None:
    server = world.server
    for state in ("staged", "confirmed", "switched"):
        server.killed(f"after:{state}", "rotate", *NOW)
        for tail in ("", "-wal", "-shm"):
            with open(f"{server.config.database}{tail}", "wb") as file:
                file.write(b"no database\n" * 400)
        assert server.run("age", status=2).stderr.endswith(b"run bpc-ssh-keys rebuild\n")
        assert b"it is kept as" in server.run("rebuild").stderr
        assert server.works(BACKUP)
        server.run("rotate", *NOW)
        require_ended(world)
        server.run("verify")


def test_revoking_in_an_emergency_replaces_even_a_new_key_and_closes_the_grant(
    world: World,
) -> None:
    server, client = world.server, world.clients["web1"]
    server.run("grant", "restore", "web1", "--for", "1h")
    server.run("rotate", *ONE)
    stolen = [*server.pairs(BACKUP).all().values(), server.current(RESTORE)]
    ids = [each.key_id for each in stolen]
    server.run("revoke", "--emergency", "--host", "web1")
    require_ended(world)
    assert not any(key in line for key in ids for line in client.lines())
    assert "a grant is open" not in server.run("list").stdout.decode()


def test_only_a_key_that_is_not_in_use_is_taken_out_by_name(world: World) -> None:
    server, client = world.server, world.clients["web1"]
    key = server.current(BACKUP).key_id
    record = last(server.records("revoke", "--host", "web1", *ONE, "--key", key, status=1))
    assert record["error"] == "refused"
    assert "--emergency" in record["text"]
    server.killed("after:staged", "rotate", *NOW)
    with server.store() as store:  # of a server that is gone
        entry = store.read("web1", BACKUP)
        assert entry is not None
        unknown = server.pairs(BACKUP).all()[2].key_id
        store.write(entry.ended(0), "forgotten")
    server.pairs(BACKUP).remove(2)
    assert last(server.records("rotate", *NOW, status=1))["error"] == "conflict"
    server.run("revoke", "--host", "web1", "--key", unknown)
    assert len(client.lines_of(BACKUP)) == 1
    server.run("rotate", *NOW)
    require_ended(world)


def test_the_rotation_key_may_be_in_an_ssh_agent_alone(world: World) -> None:
    server = world.server
    path = server.config.hosts["web1"].rotation_key
    shown = require(run(["ssh-keygen", "-lf", path])).stdout.decode("ascii").split()[1]
    server.write_config(f'rotation_key = "agent:{shown}"')
    assert last(server.records("rotate", *NOW, status=1))["error"] == "files"
    agent = start(["ssh-agent", "-D", "-a", f"{server.folder}/agent"])
    try:
        wait_for("the agent listens", lambda: os.path.exists(f"{server.folder}/agent"))
        env = {**os.environ, "SSH_AUTH_SOCK": f"{server.folder}/agent"}
        require(run(["ssh-add", "-q", path], env=env))
        os.unlink(path)
        require(run(server.argv("rotate", *NOW), cwd=CHECKOUT, env=env))
    finally:
        terminate(agent)
    require_ended(world)


@pytest.mark.parametrize("words", [("rsa", "3072"), ("ecdsa", "256")])
def test_the_stored_type_of_host_key_is_asked_for(
    world: World, tmp_path: Path, words: tuple[str, str]
) -> None:
    """A server with keys of several types shows the one that its client likes best."""
    server, client = world.server, world.clients["web1"]
    kind, bits = words
    path = f"{tmp_path}/{kind}"
    require(run(["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f", path]))
    other = Sshd(str(tmp_path), [f"HostKey {path}"])
    other.authorize(client.lines())
    other.start()
    port, client.sshd.port = client.sshd.port, other.port
    try:
        server.write_config()
        public = Path(f"{path}.pub").read_text(encoding="ascii")
        (server.config.known_hosts / "web1").write_text(f"web1 {public}")
        server.run("list")
    finally:
        client.sshd.port = port
        other.stop()
