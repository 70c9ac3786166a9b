"""A hostile environment changes nothing: not the guard's modules, not rsync, not tar."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from . import trees
from .comparison import differences, snapshot
from .process import require, run
from .sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .clients import SshClient
    from .host import CommandLog, GuardedHost
    from .site import Site

pytestmark = pytest.mark.lab

# Modules that the interpreter, the launcher or the guard imports at one time or another.
PLANTED = (
    "os", "sys", "stat", "pwd", "fcntl", "struct", "select", "syslog", "_json", "_sha256",
    "sitecustomize", "usercustomize", "bpc_ssh_guard",
)  # fmt: skip


class HostileHome:
    """A folder that turns unguarded programs into ones that make the file `touched`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.touched = f"{folder}/touched"
        program = f"{folder}/program"
        self._write("program", f"#!/bin/sh\n: > {self.touched}\nexit 9\n")
        os.chmod(program, 0o755)
        for name in PLANTED:
            self._write(f"{name}.py", f"open({self.touched!r}, 'w').close()\n")
        self._write(".popt", f"rsync exec --server {program}\nrsync exec --sender {program}\n")
        action = f"--checkpoint-action=exec={program}"
        self.variables = {
            "HOME": folder,
            "PYTHONPATH": folder,
            "PYTHONHOME": folder,
            "PYTHONSTARTUP": f"{folder}/os.py",
            "PYTHONINSPECT": "1",
            "PYTHONWARNINGS": "error",
            "PYTHONUSERBASE": folder,
            "TAR_OPTIONS": f"--checkpoint=1 {action}",
            "TAPE": f"{folder}/tape",
            "POSIXLY_CORRECT": "1",
            "RSYNC_RSH": program,
            "RSYNC_CONNECT_PROG": program,
            "RSYNC_CHECKSUM_LIST": "nonsense",
            "RSYNC_COMPRESS_LIST": "nonsense",
            "RSYNC_PROTECT_ARGS": "1",
            "RSYNC_ICONV": "nonsense",
            "RSYNC_PARTIAL_DIR": folder,
            "BPC_SSH_GUARD_POLICY": f"{folder}/policy",
            "LC_ALL": "\x1b[31m() { :; }",
            "TZ": f":{folder}/program",
            "TMPDIR": folder,
            "PATH": f"{folder}:/usr/bin:/bin",
        }

    def was_used(self) -> bool:
        """Tell whether anything of the folder ran, and forget it."""
        used = os.path.exists(self.touched)
        if used:
            os.unlink(self.touched)
        return used

    def _write(self, name: str, text: str) -> None:
        with open(f"{self.folder}/{name}", "w", encoding="ascii") as file:
            file.write(text)


@pytest.fixture
def hostile(tmp_path: Path) -> HostileHome:
    """Return a folder full of traps and the variables that lead there."""
    folder = tmp_path / "home"
    folder.mkdir()
    return HostileHome(str(folder))


@pytest.fixture
def lax_sshd(site: Site, tmp_path: Path) -> Iterator[Sshd]:
    """Return an sshd that takes every variable from the client."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    sshd = Sshd(str(folder), extra=["AcceptEnv *"])
    key = site.keys["web1-backup"]
    sshd.authorize([site.host.managed_line("web1-backup", key)])
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()


def test_traps_work_on_unguarded_programs(hostile: HostileHome, data: str) -> None:
    """Without this the tests below could pass because of a trap that never shuts."""
    trees.write_file(f"{data}/file", "x\n")
    environment = hostile.variables
    python = {name: environment[name] for name in ("PYTHONPATH", "PATH")}

    run(["rsync", "--server", "--sender", "-logDtpre.iLsfxCIvu", ".", data], env=environment)
    assert hostile.was_used()
    run(["tar", "-c", "-f", "-", "-C", data, "."], env=environment)
    assert hostile.was_used()
    run([sys.executable, "-c", "pass"], env=python)
    assert hostile.was_used()
    run([sys.executable, "-c", "import bpc_ssh_guard"], cwd=hostile.folder)
    assert hostile.was_used()


@pytest.mark.parametrize("command", ["rsync", "tar", "refused", "none"])
def test_environment_and_working_folder_change_nothing(
    command: str,
    hostile: HostileHome,
    backup_key: SshClient,
    host: GuardedHost,
    log: CommandLog,
    data: str,
) -> None:
    trees.write_file(f"{data}/file", "x\n")
    asked = {
        "rsync": f"rsync --server --sender -logDtpre.iLsfxCIvu . {data}".encode(),
        "tar": f"tar -c -f - -C {data} .".encode(),
        "refused": b"id",
        "none": b"",
    }[command]
    calm = host.run_guard("web1-backup", backup_key.key, asked)
    mark = log.mark()

    done = host.run_guard(
        "web1-backup", backup_key.key, asked, environment=hostile.variables, cwd=hostile.folder
    )

    assert not hostile.was_used()
    assert (done.returncode, done.stdout, _lasting(done.stderr)) == (
        calm.returncode, calm.stdout, _lasting(calm.stderr)
    )  # fmt: skip
    assert log.settled(mark) != []


def test_variables_that_sshd_lets_in_change_nothing(
    lax_sshd: Sshd,
    site: Site,
    hostile: HostileHome,
    log: CommandLog,
    data: str,
    tmp_path: Path,
) -> None:
    trees.build(data)
    folder = tmp_path / "ssh"
    folder.mkdir()
    client = site.client_of(lax_sshd, str(folder), "web1-backup")
    with open(client.config, "a", encoding="utf-8") as file:
        for name in hostile.variables:
            file.write(f"SendEnv {name}\n")
    mark = log.mark()

    argv = client.rsync_argv("-aH", "-s", "--numeric-ids", f"client:{data}/", f"{tmp_path}/got/")
    ssh_only = {n: v for n, v in hostile.variables.items() if not n.startswith(("RSYNC", "TAR"))}
    require(run(argv, env={**ssh_only, "HOME": "/", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}))
    archive = require(run(client.argv(f"tar -c -f - -C {data} ."), env=hostile.variables)).stdout

    assert not hostile.was_used()
    assert differences(snapshot(data), snapshot(f"{tmp_path}/got")) == []
    assert archive != b""
    assert len(log.settled(mark)) == 4


def _lasting(said: bytes) -> bytes:
    """Return what was SAID without the log's checkpoint, which is another for each run."""
    return re.sub(rb"^bpc-ssh-guard: checkpoint 1 [^\n]*\n", b"", said)
