"""`bpc-ssh-guardctl log`: a log is begun once, its key told once, and it is moved aside whole."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import shutil
import signal
import stat

import pytest

from bpc_ssh_guard import state
from bpc_ssh_guard.cli import guardctl as cli
from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.guardctl.log import LogError, begin_log, checkpoint, status
from bpc_ssh_guard.policy import load
from bpc_ssh_guard.record import segment, sink
from tests.unit.record import scenes as processes
from tests.unit.record.verifier import verify

NONCE = "5a" * 16


class Machine:
    """A machine with a policy and no log yet."""

    def __init__(self, root: str) -> None:
        self.log, self.state = f"{root}/log", f"{root}/state"
        self.path = f"{root}/policy"
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(f"Log {self.log}\nState {self.state}\nKey web1\n    Backup /srv\n")
        os.chmod(self.path, 0o644)

    @property
    def policy(self):
        return load.load(os.fsencode(self.path))

    def run(self, *words: str) -> int:
        return cli.main(["log", *words, "--policy", self.path])

    def append(self, *lines: bytes) -> None:
        log = sink.Sink.open(os.fsencode(self.log), os.fsencode(self.state))
        try:
            for line in lines:
                log.append(line)
        finally:
            log.close()

    def first_segment(self) -> str:
        return os.path.join(self.log, os.fsdecode(segment.name_of(0)))


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(str(tmp_path))


def test_init_begins_a_chain_that_its_key_verifies(machine, capsys) -> None:
    assert machine.run("init", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    machine.append(b'{"a":1}\n')
    chain, key = bytes.fromhex(told["chain"]), bytes.fromhex(told["key"])
    found = verify(os.fsencode(machine.log), chain, key)
    assert found.findings == []
    assert [record.get("event.reason") for record in found.records] == ["created", None]
    assert found.records[0]["bpc.chain.id"] == told["chain"]


def test_the_first_key_stands_in_no_file(machine, capsys) -> None:
    machine.run("init")
    key = dict(line.split() for line in capsys.readouterr().out.splitlines())["key"]
    for folder, _, names in os.walk(os.path.dirname(machine.log)):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            assert key.encode() not in content
            assert bytes.fromhex(key) not in content


def test_state_and_reserve_are_closed_and_the_log_is_for_its_group(machine) -> None:
    begin_log(machine.policy)
    modes = {
        path: stat.S_IMODE(os.stat(path).st_mode)
        for path in (machine.log, machine.first_segment(), machine.state,
                     f"{machine.state}/state", f"{machine.state}/reserve")
    }
    assert list(modes.values()) == [0o750, 0o640, 0o700, 0o600, 0o600]


def test_init_refuses_where_there_is_a_log_or_a_state(machine, capsys) -> None:
    begin_log(machine.policy)
    assert machine.run("init") == 2
    assert "--rekey moves it aside" in capsys.readouterr().err
    os.unlink(machine.first_segment())
    with pytest.raises(LogError, match="--rekey moves it aside"):
        begin_log(machine.policy)
    assert status(machine.policy).sequence == 1


def test_an_init_that_fails_can_be_done_again(machine) -> None:
    begin_log(machine.policy)
    for path in (machine.first_segment(), f"{machine.state}/state", f"{machine.state}/reserve"):
        os.unlink(path)
    os.mkdir(f"{machine.state}/reserve")
    with pytest.raises(LogError, match="mend that and begin again"):
        begin_log(machine.policy)
    assert not os.path.exists(f"{machine.state}/state")
    os.rmdir(f"{machine.state}/reserve")
    begin_log(machine.policy)


def test_rekey_moves_log_and_state_aside_and_loses_nothing(machine) -> None:
    old = begin_log(machine.policy)
    machine.append(b'{"a":1}\n')
    new = begin_log(machine.policy, rekey=True)
    assert new.chain != old.chain
    assert verify(os.fsencode(machine.log), new.chain, new.key).findings == []
    [aside] = [name for name in os.listdir(machine.log) if name.startswith("rekeyed-")]
    moved = verify(os.fsencode(f"{machine.log}/{aside}"), old.chain, old.key)
    assert moved.findings == []
    assert len(moved.records) == 2
    assert stat.S_IMODE(os.stat(f"{machine.state}/{aside}").st_mode) == 0o700
    assert os.path.exists(f"{machine.state}/{aside}/state")


def test_a_guard_that_waits_while_its_log_is_moved_does_not_go_on_with_the_old_chain(
    machine,
) -> None:
    begin_log(machine.policy)
    (opened, tell), (go_on, move) = os.pipe(), os.pipe()
    lock = sink.state_folder.lock

    def wait(descriptor: int, seconds: float) -> None:
        os.write(tell, b".")
        os.read(go_on, 1)
        lock(descriptor, seconds)

    def late() -> None:
        sink.state_folder.lock = wait  # in this process alone
        with pytest.raises(GuardFailure, match="moved aside") as caught:
            machine.append(b'{"late":1}\n')
        assert caught.value.reason == "cannot-record"

    waiting = processes.start(late)
    os.read(opened, 1)
    begun = begin_log(machine.policy, rekey=True)
    os.write(move, b".")
    assert os.waitpid(waiting, 0)[1] == 0
    for descriptor in (opened, tell, go_on, move):
        os.close(descriptor)
    found = verify(os.fsencode(machine.log), begun.chain, begun.key)
    assert (found.findings, len(found.records)) == ([], 1)


def test_status_tells_what_is_there_and_what_is_wrong(machine, capsys) -> None:
    begin_log(machine.policy)
    machine.append(b'{"a":1}\n')
    assert machine.run("status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sequence"], told["segments"], told["reserve"]) == (2, 1, True)
    assert told["size"] == os.path.getsize(machine.first_segment())
    assert told["trouble"] == ""
    with open(machine.first_segment(), "ab") as file:
        file.write(b"12345")
    assert machine.run("status") == 1
    assert "5 bytes more" in capsys.readouterr().out
    os.unlink(machine.first_segment())
    assert "is gone" in status(machine.policy).trouble
    os.unlink(f"{machine.state}/reserve")
    assert not status(machine.policy).reserve


def test_status_and_checkpoint_without_a_log_say_what_to_do(machine, capsys) -> None:
    for action in ("status", "checkpoint"):
        assert machine.run(action) == 2
        assert "bpc-ssh-guardctl log init" in capsys.readouterr().err
        assert not os.path.exists(machine.log)


def test_status_of_a_log_whose_folder_is_gone_says_so_and_makes_none(machine, capsys) -> None:
    begin_log(machine.policy)
    shutil.rmtree(machine.log)
    assert machine.run("status") == 2
    assert f"{machine.log}: is missing" in capsys.readouterr().err
    assert not os.path.exists(machine.log)


def test_a_checkpoint_is_recorded_and_its_proof_is_that_of_the_key(machine, capsys) -> None:
    begun = begin_log(machine.policy)
    assert machine.run("checkpoint", "--nonce", NONCE, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    found = verify(os.fsencode(machine.log), begun.chain, begun.key)
    assert found.records[-1]["event.action"] == "checkpoint-served"
    assert found.records[-1]["bpc.checkpoint.nonce"] == NONCE
    assert (told["sequence"], told["head"]) == (2, found.head.hex())
    said = begun.chain + (2).to_bytes(8, "big") + found.head + bytes.fromhex(NONCE)
    made = hmac.new(found.key, b"bpc-ssh-guard checkpoint v1\0" + said, hashlib.sha256)
    assert told["proof"] == made.hexdigest()[:32]


@pytest.mark.parametrize("nonce", ["", "x", "5a" * 15, "5a" * 33, "5" * 33])
def test_a_nonce_has_16_to_32_bytes(machine, nonce: str) -> None:
    begin_log(machine.policy)
    with pytest.raises(LogError, match="--nonce takes 32 to 64 hex digits"):
        checkpoint(machine.policy, nonce)


def test_rekey_gives_up_on_a_guard_that_holds_the_log(machine, monkeypatch) -> None:
    begin_log(machine.policy)
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.2)
    with open(f"{machine.state}/state", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LogError, match="end the process that holds it"):
            begin_log(machine.policy, rekey=True)
    assert os.path.exists(machine.first_segment())


def test_no_signal_of_the_lock_is_left(machine) -> None:
    before = signal.getsignal(signal.SIGALRM)
    begin_log(machine.policy)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _below(machine: Machine) -> list[str]:
    return sorted(os.path.join(folder, name)
                  for folder, _, names in os.walk(os.path.dirname(machine.path))
                  for name in names)


@pytest.mark.parametrize("words", [(), ("--rekey",)])
def test_a_dry_run_says_what_init_would_do_and_does_nothing(machine, words, capsys) -> None:
    if words:
        begin_log(machine.policy)
    before = _below(machine)
    assert machine.run("init", *words, "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"would begin a log in {machine.log} with its state in {machine.state}" in said
    assert ("would move aside" in said) == bool(words)
    assert _below(machine) == before


def test_a_dry_run_refuses_what_init_would(machine, capsys) -> None:
    begin_log(machine.policy)
    assert machine.run("init", "--dry-run") == machine.run("init") == 2
    dry, real = capsys.readouterr().err.splitlines()
    assert dry == real


@pytest.mark.parametrize("words", [
    ("status", "--dry-run"), ("checkpoint", "--dry-run"), ("status", "--rekey"),
    ("checkpoint", "--rekey"), ("init", "--nonce", NONCE), ("status", "--nonce", ""),
    ("checkpoint", "--nonce", ""),
])
def test_an_option_that_would_not_be_heeded_is_refused(machine, words, capsys) -> None:
    begin_log(machine.policy)
    assert machine.run(*words) == 2
    assert words[1] in capsys.readouterr().err
