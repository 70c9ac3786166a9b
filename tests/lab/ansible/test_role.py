"""The role brings a bare machine from nothing to a backup, by the real ansible-playbook."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bpc_ssh_guard
from tests.lab.keys import Key
from tests.lab.keyserver.machine import open_machine
from tests.lab.process import require, run, said
from tests.lab.sshd import ADDRESS, free_port

from .controller import GUARDCTL, KEYS, LABEL, LOG, POLICY, STATE, Controller, differing
from .tools import program

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

KEY = re.compile(rb"[0-9a-f]{64}\n")
LOUD = ("-vvvvv", "--diff")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """Return a controller whose client was kept as one run of the role has left it."""
    if os.geteuid() != 0:
        pytest.fail("this needs root, for a machine of its own: run the lab as root")
    with open_machine(tmp_path_factory.mktemp("machine")) as machine:
        controller = Controller(tmp_path_factory.mktemp("controller"), machine)
        controller.begin_again()
        require(controller.play())
        controller.save()
        yield controller


@pytest.fixture
def bare(begun: Controller) -> Controller:
    """Return a controller whose client has nothing but an admin's key."""
    begun.begin_again()
    return begun


@pytest.fixture
def guarded(begun: Controller) -> Controller:
    """Return a controller whose client is as one run of the role leaves it."""
    begun.restore()
    return begun


@pytest.fixture
def unlogged(guarded: Controller) -> Controller:
    """Return a controller whose client has everything but a log and key lines."""
    for folder in (LOG, STATE):
        shutil.rmtree(guarded.machine.path(folder))
    guarded.machine.path(KEYS).write_text(guarded.machine.foreign)
    return guarded


def test_a_bare_client_is_backed_up_after_one_run_and_whoever_has_the_key_gets_no_shell(
    bare: Controller, tmp_path: Path
) -> None:
    data = bare.machine.path("/etc/lab-data")
    data.mkdir(exist_ok=True)
    (data / "file").write_text("content\n")

    assert bare.changed() > 0

    done = run(["rsync", "-a", "-e", bare.ssh, f"{ADDRESS}:/etc/lab-data/", f"{tmp_path}/"])
    assert done.returncode == 0, said(done)
    assert (tmp_path / "file").read_text() == "content\n"
    shell = run([*bare.ssh.split(), ADDRESS, "id"])
    assert (shell.returncode, shell.stdout) == (126, b"")
    assert b"bpc-ssh-guard: refused (unknown-program)" in shell.stderr
    assert bare.machine.path(KEYS).read_text().startswith(bare.machine.foreign)


def test_the_key_of_the_log_is_kept_for_the_auditor_and_nowhere_else(unlogged: Controller) -> None:
    done = require(unlogged.play(*LOUD))

    (kept,) = unlogged.log_keys.iterdir()
    secret = kept.read_bytes()
    assert KEY.fullmatch(secret)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (unlogged.log_keys, kept)] == [
        0o700, 0o600]
    assert kept.name in done.stdout.decode()  # the chain, by which the auditor finds it
    for form in (secret.strip(), bytes.fromhex(secret.decode())):
        assert form not in done.stdout + done.stderr
        assert [path for path, data in unlogged.files().items() if form in data] == []
    verified = run([program("bpc-ssh-audit"), "verify", "--store", str(unlogged.store),
                    str(unlogged.machine.path(LOG))])
    assert verified.returncode == 0, said(verified)


def test_a_second_run_and_a_dry_run_change_nothing(guarded: Controller) -> None:
    before = guarded.files()
    assert guarded.changed() == 0
    assert guarded.changed("--check") == 0
    assert differing(before, guarded.files()) == []


def test_a_dry_run_on_a_bare_client_says_so_and_writes_nothing(bare: Controller) -> None:
    before = bare.files()
    assert bare.changed("--check", "--diff") > 0
    assert differing(before, bare.files()) == []


def test_a_dry_run_without_a_log_says_that_log_and_lines_are_to_come(unlogged: Controller) -> None:
    before = unlogged.files()
    assert unlogged.changed("--check") == 2
    assert differing(before, unlogged.files()) == []
    assert not unlogged.log_keys.exists()


@pytest.mark.parametrize("policy", [
    "Key web1-backup\n    Bakcup /srv\n",
    "Key web1-backup\n    Backup /etc/hostname\n",  # a file, which check alone finds
])
def test_a_policy_with_an_error_is_refused_with_its_line_and_the_old_one_stays(
    guarded: Controller, policy: str
) -> None:
    before = guarded.files()
    guarded.write_policy(policy)
    told = guarded.stopped()
    assert re.search(rf"{POLICY}\.new:[12]: ", told)
    assert differing(before, guarded.files()) == []


def test_a_retired_key_does_not_come_back(guarded: Controller, tmp_path: Path) -> None:
    later = Key.generate(f"{tmp_path}/later")
    keys = guarded.machine.path(KEYS)
    keys.write_text(guarded.machine.foreign)
    require(guarded.machine.run(GUARDCTL, "authorize", LABEL, f"{later.path}.pub", "--add", KEYS))
    before = keys.read_text()
    assert later.public in before

    assert guarded.changed() == 0

    assert keys.read_text() == before


def test_without_a_log_and_a_folder_for_its_key_it_stops_with_what_begins_one(
    unlogged: Controller
) -> None:
    before = unlogged.files()
    told = unlogged.stopped(guard_log_keys="")
    assert differing(before, unlogged.files()) == []

    command = re.search(rf"run ({GUARDCTL} log init [^ ]+ [^ ]+) and give", told)
    assert command is not None, told
    require(unlogged.machine.run(*command[1].split()))
    assert unlogged.changed(guard_log_keys="") == 1
    assert unlogged.backup.public in unlogged.machine.path(KEYS).read_text()


def test_a_folder_that_others_may_read_is_refused_before_a_log_is_begun(
    unlogged: Controller
) -> None:
    unlogged.log_keys.mkdir(mode=0o755)
    before = unlogged.files()
    assert "chmod 0700" in unlogged.stopped()
    assert differing(before, unlogged.files()) == []
    assert list(unlogged.log_keys.iterdir()) == []


def test_a_client_that_lies_of_its_log_writes_no_file_of_its_choice(unlogged: Controller) -> None:
    answer = json.dumps({"chain": "../escaped", "key": "1" * 64})
    unlogged.machine.path(GUARDCTL).write_text(_lying(answer))
    assert "log init --rekey" in unlogged.stopped(guard_policy_template="")
    assert list(unlogged.log_keys.iterdir()) == []
    assert not (unlogged.store / "escaped").exists()


def test_a_client_that_claims_the_log_of_another_one_replaces_no_key(
    unlogged: Controller
) -> None:
    unlogged.log_keys.mkdir(mode=0o700)
    other = unlogged.log_keys / ("0" * 32)
    other.write_text("2" * 64)
    answer = json.dumps({"chain": other.name, "key": "1" * 64})
    unlogged.machine.path(GUARDCTL).write_text(_lying(answer))
    told = unlogged.stopped(guard_policy_template="")
    assert "log init --rekey" in told
    assert "1" * 64 not in told
    assert other.read_text() == "2" * 64


def _lying(answer: str) -> str:
    """Return a guardctl without a log that begins one with ANSWER."""
    return ("#!/bin/sh\ncase \"$*\" in\n*status*) exit 2;;\n*--dry-run*) exit 0;;\n"
            f"*init*) echo '{answer}';;\n*) exit 2;;\nesac\n")


def test_another_version_replaces_the_guard_that_is_there(
    guarded: Controller, tmp_path: Path
) -> None:
    package = tmp_path / "bpc_ssh_guard"
    shutil.copytree(Path(bpc_ssh_guard.__file__).parent, package,
                    ignore=shutil.ignore_patterns("__pycache__"))
    module = package / "__init__.py"
    module.write_text(module.read_text().replace(bpc_ssh_guard.__version__, "99.0"))
    newer = tmp_path / "guardctl"
    newer.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} -m bpc_ssh_guard'
                     ' guardctl "$@"\n')
    newer.chmod(0o755)

    assert guarded.changed(guard_guardctl=str(newer)) > 0

    told = require(guarded.machine.run(GUARDCTL, "--version"))
    assert told.stdout == b"bpc-ssh-guardctl 99.0\n"


def test_an_admin_who_becomes_root_by_sudo_brings_the_same(bare: Controller) -> None:
    bare.changed(ansible_user="alice", ansible_become=True)
    shell = run([*bare.ssh.split(), ADDRESS])
    assert f"label={LABEL} key={bare.backup.keyid}".encode() in shell.stdout


def test_a_host_that_is_down_keeps_no_other_from_its_guard_and_nothing_stays_here(
    bare: Controller
) -> None:
    done = bare.play_beside(free_port())
    assert done.returncode == 4, said(done)  # a host was unreachable
    assert bare.backup.public in bare.machine.path(KEYS).read_text()
    assert list(bare.temporary.iterdir()) == []
