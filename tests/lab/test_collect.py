"""The collector visits fifty real clients: the dead and the lying are told, the rest goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main

from .fleet import Machine, open_fleet
from .host import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

CLIENTS = 50


@pytest.fixture(scope="module")
def fleet() -> Iterator[list[Machine]]:
    with open_fleet(CLIENTS) as machines:
        yield machines


class Auditor:
    """An auditor with a store, the fleet's inventory and the keys of its chains."""

    def __init__(self, folder: Path, machines: list[Machine], with_keys: bool = True) -> None:
        self.store = str(folder / "store")
        self.inventory = str(folder / "hosts.toml")
        with open(self.inventory, "w", encoding="ascii") as file:
            file.writelines(machine.inventory for machine in machines)
        for machine in machines if with_keys else ():
            begun = machine.host.begun
            words = ["audit", "key", "--store", self.store, begun.chain.hex()]
            subprocess.run([sys.executable, "-m", "bpc_ssh_guard", *words], cwd=CHECKOUT,
                           input=f"{begun.key.hex()}\n".encode(), check=True)

    def argv(self, *words: str) -> list[str]:
        return ["audit", "collect", "--json", "--store", self.store, "--inventory",
                self.inventory, *words]

    def collect(self, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
        """Collect; return what is told of each host, and the exit status as `status`."""
        status = main(self.argv(*words))
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {"status": status, **{visit["host"]: visit for visit in told}}

    def stored(self, name: str) -> bytes:
        folder = os.path.join(self.store, name, "segments")
        return b"".join(open(os.path.join(folder, each), "rb").read()
                        for each in sorted(os.listdir(folder)))


def on_disk(machine: Machine) -> bytes:
    with open(machine.host.log.path, "rb") as file:
        return file.read()


def test_many_clients_one_dead_and_one_lying(
    fleet: list[Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    auditor = Auditor(tmp_path, fleet)
    for machine in fleet:
        for _ in range(3):
            machine.log_in()
    first = auditor.collect(capsys, "--jobs", "16")
    assert first["status"] == exits.YES
    assert {first[machine.name]["outcome"] for machine in fleet} == {"collected"}
    assert all(first[machine.name]["proved"] for machine in fleet)
    assert all(on_disk(machine).startswith(auditor.stored(machine.name)) for machine in fleet)

    dead, lying = fleet[0], fleet[1]
    log = os.path.dirname(lying.host.log.path)
    shutil.copytree(log, tmp_path / "snapshot", symlinks=True)
    lying.log_in()
    assert auditor.collect(capsys, lying.name)[lying.name]["records"] > 0
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "snapshot", log)  # the machine was put back
    dead.sshd.stop()
    for machine in fleet[1:]:
        machine.log_in()

    second = auditor.collect(capsys, "--jobs", "16")
    assert second["status"] == exits.NO
    assert second[dead.name]["outcome"] == "unreachable"
    assert second[lying.name]["outcome"] == "findings"
    assert second[lying.name]["findings"][0]["kind"] in ("shortened", "contradicted")
    rest = fleet[2:]
    assert {second[machine.name]["outcome"] for machine in rest} == {"collected"}
    assert all(on_disk(machine).startswith(auditor.stored(machine.name)) for machine in rest)
    status = main(["audit", "verify", "--store", auditor.store,
                   *(machine.name for machine in rest)])
    assert status == exits.YES, capsys.readouterr().out
    dead.sshd.start()


def test_a_run_that_was_killed_goes_on_without_losing_or_repeating(
    fleet: list[Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machines = fleet[2:6]
    auditor = Auditor(tmp_path, machines)
    for delay in (0.6, 0.9, 1.2, 1.5):
        for machine in machines:
            machine.log_in()
        with subprocess.Popen(
            [sys.executable, "-m", "bpc_ssh_guard", *auditor.argv()], cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
        ) as run:
            time.sleep(delay)
            run.send_signal(signal.SIGKILL)
    last = auditor.collect(capsys)
    assert last["status"] == exits.YES, last
    for machine in machines:
        assert on_disk(machine).startswith(auditor.stored(machine.name))
        lines = auditor.stored(machine.name).splitlines()
        numbers = [json.loads(line)["event.sequence"] for line in lines]
        assert numbers == list(range(len(numbers)))


def test_an_edited_record_is_not_stored_and_kept_apart(
    fleet: list[Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = fleet[-1]
    auditor = Auditor(tmp_path, [machine])
    machine.log_in(b"cat /etc/hostname")
    content = on_disk(machine)
    with open(machine.host.log.path, "r+b") as file:
        file.write(content.replace(b"cat /etc/hostname", b"cat /etc/hostnaem"))
    told = auditor.collect(capsys)[machine.name]
    assert told["outcome"] == "findings"
    assert "edited" in {each["kind"] for each in told["findings"]}
    assert os.listdir(os.path.join(auditor.store, machine.name, "segments")) == []
    assert len(os.listdir(os.path.join(auditor.store, machine.name, "rejected"))) == 1
    with open(machine.host.log.path, "r+b") as file:
        file.write(content)
    assert auditor.collect(capsys)[machine.name]["outcome"] == "collected"


def test_a_host_key_that_changed_is_refused(
    fleet: list[Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, other = fleet[2], fleet[3]
    auditor = Auditor(tmp_path, [machine])
    with open(auditor.inventory, encoding="ascii") as file:
        text = file.read()
    for known_hosts in (other.known_hosts, "/dev/null"):
        with open(auditor.inventory, "w", encoding="ascii") as file:
            file.write(text.replace(machine.known_hosts, known_hosts))
        told = auditor.collect(capsys)
        assert told["status"] == exits.NO
        assert told[machine.name]["outcome"] == "unreachable"


def test_a_key_without_audit_gets_nothing(
    fleet: list[Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = fleet[2]
    auditor = Auditor(tmp_path, [machine])
    with open(auditor.inventory, encoding="ascii") as file:
        text = file.read()
    with open(auditor.inventory, "w", encoding="ascii") as file:
        file.write(text.replace(machine.audit_key.path, machine.backup_key.path))
    told = auditor.collect(capsys)
    assert told[machine.name]["outcome"] == "refused"
    assert os.listdir(os.path.join(auditor.store, machine.name, "segments")) == []


def test_without_k0_the_chain_alone_is_proved_and_that_is_said(
    fleet: list[Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = fleet[2]
    auditor = Auditor(tmp_path, [machine], with_keys=False)
    for _ in range(2):
        told = auditor.collect(capsys)[machine.name]
        assert (told["outcome"], told["proved"]) == ("collected", False)
