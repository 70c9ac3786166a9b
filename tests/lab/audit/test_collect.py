"""The collector against real clients: each has its own sshd, guard and log."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.audit import collect as collecting
from bpc_ssh_guard.record import seal, segment
from bpc_ssh_guard.record.begin import begin
from tests.lab.process import kill_session, wait_for

from .fleet import Client, Fleet, running_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

MANY = 50


@pytest.fixture
def folder() -> Iterator[str]:
    """Return a folder that no one else may write to, as the guard demands of a log's."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield path


@pytest.fixture
def fleet(folder: str) -> Iterator[Fleet]:
    """Return two clients and their auditor."""
    with running_fleet(folder, 2) as fleet:
        yield fleet


def numbers(lines: bytes) -> list[int]:
    """Return the numbers of the records in LINES, in their order."""
    begin = seal.prefix(0)[: -len(b"0,")]
    return [int(line[len(begin) :].split(b",")[0]) for line in lines.splitlines()]


def require_exact(fleet: Fleet, client: Client) -> int:
    """Require that the store holds a beginning of CLIENT's log, byte for byte; return its size."""
    stored = fleet.stored(client)
    assert client.segment().startswith(stored)
    assert numbers(stored) == list(range(len(stored.splitlines())))
    return len(stored)


def test_fifty_clients_are_collected_at_once_though_one_is_dead_and_one_was_put_back(
    folder: str,
) -> None:
    with running_fleet(folder, MANY) as fleet:
        dead, lying, *honest = fleet.clients
        lying.keep_snapshot()
        lying.append(30)
        for client in honest:
            client.append(5)
        assert {each["outcome"] for each in fleet.collect().values()} == {"collected"}
        sizes = {client.name: require_exact(fleet, client) for client in fleet.clients}

        dead.sshd.stop()
        lying.put_back()
        visits = fleet.collect(status=1)

        assert len(visits) == MANY
        assert visits[dead.name]["outcome"] == "unreachable"
        assert visits[lying.name]["outcome"] == "findings"
        assert [each["kind"] for each in visits[lying.name]["findings"]] == ["shortened"]
        assert len(fleet.stored(lying)) == sizes[lying.name]
        for client in honest:
            visit = visits[client.name]
            assert (visit["outcome"], visit["proved"]) == ("collected", True)
            assert require_exact(fleet, client) > sizes[client.name]
            assert visit["total"] == len(fleet.stored(client).splitlines())


def test_a_client_put_back_that_grew_past_what_is_stored_is_found_and_kept_apart(
    fleet: Fleet,
) -> None:
    client, _ = fleet.clients
    client.keep_snapshot()
    client.append(5)
    fleet.collect()
    stored = fleet.stored(client)
    client.put_back()
    client.append(30)

    visit = fleet.collect(status=1)[client.name]

    assert visit["outcome"] == "findings"
    assert visit["findings"][0]["first"] == len(stored.splitlines())
    assert fleet.stored(client) == stored
    [kept] = os.listdir(f"{fleet.store}/{client.name}/rejected")
    with open(f"{fleet.store}/{client.name}/rejected/{kept}", "rb") as file:
        assert file.read() in client.segment()
    fleet.collect(status=1)
    assert os.listdir(f"{fleet.store}/{client.name}/rejected") == [kept], "the same, longer"


def kill_a_run(fleet: Fleet, client: Client, while_storing: bool) -> bool:
    """Kill a collection while CLIENT's lines arrive, or WHILE_STORING them; tell if it was."""
    before = len(fleet.stored(client))
    process = fleet.start_collecting()

    def is_due() -> bool:
        if process.poll() is not None:
            return True
        if while_storing:
            return len(fleet.stored(client)) > before
        names = _names(f"{fleet.store}/{client.name}")
        return any(name.startswith("incoming-") for name in names)

    wait_for("the moment to kill it", is_due)
    kill_session(process)
    killed = process.wait() == -signal.SIGKILL
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    return killed


def test_a_run_that_was_killed_goes_on_without_duplicates(fleet: Fleet) -> None:
    client, other = fleet.clients
    client.append(3000)
    killed = [kill_a_run(fleet, client, while_storing) for while_storing in (False, True) * 3]
    assert any(killed)

    visits = fleet.collect()

    assert {visit["proved"] for visit in visits.values()} == {True}
    require_exact(fleet, client)
    assert len(fleet.stored(client).splitlines()) > 3000
    require_exact(fleet, other)
    assert fleet.verify(client).returncode == 0
    assert [name for name in _names(f"{fleet.store}/{client.name}")
            if name.startswith("incoming-")] == []


def test_who_interrupts_a_collection_waits_for_no_visit_that_is_not_begun(
    fleet: Fleet, folder: str
) -> None:
    """A hundred machines that accept a connection and say nothing, one at a time: they would take
    a quarter of an hour.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with open(f"{folder}/inventory", "a", encoding="ascii") as file:
            file.writelines(f"[hosts.silent{number}]\nport = {port}\n" for number in range(100))
        running = fleet.start_collecting("--jobs", "1", *(f"silent{n}" for n in range(100)))
        connection, _ = silent.accept()
        running.send_signal(signal.SIGINT)
        try:
            said = running.communicate(timeout=120)[1]
        finally:
            connection.close()
            kill_session(running)
    assert running.returncode == 2
    assert said.decode().splitlines()[-1] == "bpc-ssh-audit: interrupted"


def test_an_unknown_or_changed_host_key_is_refused(fleet: Fleet) -> None:
    changed, unknown = fleet.clients
    path = f"{os.path.dirname(fleet.store)}/known_hosts"
    with open(path, "w", encoding="ascii") as file:
        file.write(unknown.host_line.replace(f":{unknown.sshd.port}", f":{changed.sshd.port}"))

    visits = fleet.collect(status=1)

    assert {visit["outcome"] for visit in visits.values()} == {"unreachable"}
    assert "BadHostKey" in visits[changed.name]["text"]
    assert "not found in known_hosts" in visits[unknown.name]["text"]
    assert fleet.stored(changed) + fleet.stored(unknown) == b""


def test_a_key_without_audit_gets_nothing(fleet: Fleet) -> None:
    client, other = fleet.clients
    client.write_policy("Backup /srv")

    visits = fleet.collect(status=1)

    assert visits[client.name]["outcome"] == "refused"
    assert visits[other.name]["outcome"] == "collected"
    assert fleet.stored(client) == b""


def test_an_edited_record_is_not_stored_and_kept_apart(fleet: Fleet) -> None:
    client, _ = fleet.clients
    client.append(3)
    path, true = client.segment_path(), client.segment()
    with open(path, "wb") as file:
        file.write(true.replace(b'"nonce":"00', b'"nonce":"01').replace(
            b'checkpoint.nonce":"00', b'checkpoint.nonce":"01', 1))

    visit = fleet.collect(status=1)[client.name]

    assert {each["kind"] for each in visit["findings"]} == {"edited"}
    assert visit["findings"][0]["first"] == 1
    assert fleet.stored(client) == b""
    assert len(os.listdir(f"{fleet.store}/{client.name}/rejected")) == 1


# What an owned machine can answer in place of the guard, and what comes of it.
LIES = {
    "nested JSON": ("head -c 60000 /dev/zero | tr '\\0' '['", "refused"),
    "no answer": ("true", "refused"),
    "endless answer": ("yes", "refused"),
    "a checkpoint of other types": (
        """echo '{"v":1,"ok":true,"chain":1,"sequence":"x","head":[],"proof":null}'""", "failed",
    ),
    "a checkpoint alone, then junk": (
        """case "$SSH_ORIGINAL_COMMAND" in *checkpoint*) %s;; *) yes;; esac""", "findings",
    ),
    "a checkpoint alone, then nothing": (
        """case "$SSH_ORIGINAL_COMMAND" in *checkpoint*) %s;; esac""", "findings",
    ),
    "a checkpoint alone, then death": (
        """case "$SSH_ORIGINAL_COMMAND" in *checkpoint*) %s;; *) kill -9 $$;; esac""",
        "refused",
    ),
}


def test_no_lie_stops_the_visit_of_another_client_or_is_stored(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "CHUNK", 1 << 20)  # that `yes` fills sooner
    with running_fleet(folder, len(LIES) + 1) as fleet:
        *liars, honest = fleet.clients
        for client, (script, _) in zip(liars, LIES.values()):
            answer = {"v": 1, "ok": True, "chain": client.begun.chain.hex(), "sequence": 9,
                      "head": "00" * 32, "proof": "00" * 16}
            client.lie(script.replace("%s", f"echo '{json.dumps(answer)}'"))

        visits = fleet.collect_here()

        told = [visits[client.name].outcome for client in liars]
        assert dict(zip(LIES, told)) == {name: outcome for name, (_, outcome) in LIES.items()}
        assert [fleet.stored(client) for client in liars] == [b""] * len(liars)
        assert visits[honest.name].outcome == "collected"


def test_a_long_log_comes_in_pieces_each_proved_and_in_its_own_segments(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "CHUNK", 50_000)
    monkeypatch.setattr(segment, "SIZE_LIMIT", 30_000)
    client, _ = fleet.clients
    client.append(300)
    client.append(1)

    visit = fleet.collect_here()[client.name]

    assert (visit.outcome, visit.proved, visit.findings) == ("collected", True, [])
    assert visit.total > 300
    names = sorted(name for name in os.listdir(client.log) if name.startswith("commands-"))
    assert len(names) > 5
    for name in names:
        with open(f"{client.log}/{name}", "rb") as file:
            assert file.read().startswith(fleet.stored(client, segment.first_of(name.encode())))
    stored = b"".join(fleet.stored(client, segment.first_of(name.encode())) for name in names)
    assert numbers(stored) == list(range(visit.total))
    assert fleet.verify(client).returncode == 0


def test_foreign_bytes_are_found_and_do_not_stop_the_collection(fleet: Fleet) -> None:
    client, _ = fleet.clients
    fleet.collect()
    with open(f"{client.log}/commands-{0:020}.jsonl", "ab") as file:
        file.write(b'{"event.sequence":0,"bpc.chain.id":"forged"}\n')

    visit = fleet.collect(status=1)[client.name]

    assert [each["kind"] for each in visit["findings"]] == ["foreign"]
    assert b"forged" in fleet.stored(client)
    assert client.segment().startswith(fleet.stored(client))
    assert fleet.collect()[client.name]["proved"]
    assert fleet.verify(client).returncode == 1, "it stays in the evidence"


def test_a_log_begun_anew_is_collected_once_its_key_is_known(fleet: Fleet) -> None:
    client, _ = fleet.clients
    fleet.collect()
    old, chain = fleet.stored(client), client.begun.chain.hex()
    os.rename(client.log, f"{client.machine}/aside")
    client.begun = begin(os.fsencode(client.log), os.fsencode(f"{client.log}/state"))

    assert [each["kind"] for each in fleet.collect(status=1)[client.name]["findings"]] == [
        "another-chain"
    ]
    assert fleet.stored(client) == old
    fleet.add_key(client)
    assert fleet.collect()[client.name]["proved"]
    require_exact(fleet, client)
    with open(f"{fleet.store}/{client.name}/before/{chain}/commands-{0:020}.jsonl", "rb") as file:
        assert file.read() == old
    assert fleet.verify(client).returncode == 0

    os.rename(client.log, f"{client.machine}/second")
    os.rename(f"{client.machine}/aside", client.log)
    visit = fleet.collect(status=1)[client.name]
    assert [each["kind"] for each in visit["findings"]] == ["another-chain"], "the old one again"


def test_a_key_that_is_added_later_proves_what_was_collected_before(folder: str) -> None:
    with running_fleet(folder, 1) as fleet:
        [client] = fleet.clients
        os.unlink(f"{fleet.store}/keys/{client.begun.chain.hex()}")
        assert not fleet.collect()[client.name]["proved"]
        assert not fleet.collect()[client.name]["proved"]
        fleet.add_key(client)
        assert fleet.collect()[client.name]["proved"]
        require_exact(fleet, client)


def _names(path: str) -> list[str]:
    return os.listdir(path) if os.path.isdir(path) else []
