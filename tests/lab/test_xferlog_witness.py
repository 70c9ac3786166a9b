"""BackupPC's own transfer logs keep where the command log ended as each rsync of it began."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.unit.record.verifier import Verified

from . import trees
from .process import require

if TYPE_CHECKING:
    from .backuppc import BackupPcServer
    from .clients import SshClient
    from .host import GuardedHost

pytestmark = pytest.mark.lab

CHECKPOINT = re.compile(
    r"^bpc-ssh-guard: checkpoint 1 ([0-9a-f]{32}) ([0-9]{1,20}) ([0-9a-f]{64})$", re.MULTILINE
)
FILE = re.compile(r"^ *(new|same|create|pool|delete|restore) ", re.MULTILINE)
ERRORS = 10  # the column xferErrs of top/pc/HOST/backups (BackupPC::Storage)


def heads(host: GuardedHost) -> dict[int, str]:
    """Return the head behind each number of records, as an independent verifier finds it."""
    found = Verified(host.begun.chain, host.begun.key)
    result = {}
    with open(host.log.path, "rb") as file:
        for line in file:
            assert found.take(line), line
            result[len(found.records)] = found.head.hex()
    return result


def witness(text: str) -> tuple[str, int, str]:
    """Return chain, number and head of the only checkpoint of the transfer log TEXT.

    It stands before the first file: whoever makes the files' names comes too late.
    """
    (found,) = CHECKPOINT.finditer(text)
    first = FILE.search(text)
    assert first is None or found.start() < first.start(), text
    return found[1], int(found[2]), found[3]


def test_full_incremental_and_restore_keep_the_checkpoint(
    backuppc: BackupPcServer, backup_key: SshClient, restore_key: SshClient,
    host: GuardedHost, data: str, restored: str,
) -> None:  # fmt: skip
    source, target = "witness", "witness-restore"
    backuppc.add_host(source, "rsync", [data], backup_key)
    backuppc.add_host(target, "rsync", [restored], restore_key)
    trees.build(data)
    full = backuppc.full(source)
    assert full.completed("full backup complete"), full.text
    trees.change(data, delete=True)
    incremental = backuppc.incremental(source)
    assert incremental.completed("incr backup complete"), incremental.text
    restore = backuppc.restore(source, data, target, restored)
    assert restore.completed("restore complete"), restore.text

    logs = [(source, "XferLOG.0.z"), (source, "XferLOG.1.z"), (target, "RestoreLOG.0.z")]
    texts = [backuppc.transfer_log(name, file) for name, file in logs]
    assert FILE.search(texts[0])  # else no line could stand before a file's
    found = [witness(text) for text in texts]
    known = heads(host)
    assert [(chain, known[number]) for chain, number, _ in found] == [
        (host.begun.chain.hex(), head) for _, _, head in found
    ]
    assert sorted({number for _, number, _ in found}) == [number for _, number, _ in found]
    with open(f"{backuppc.folder}/top/pc/{source}/backups", encoding="utf-8") as file:
        assert [line.split("\t")[ERRORS] for line in file] == ["0", "0"]
    assert "xferErrs" not in restore.text


def test_the_checkpoint_vouches_for_the_start_of_its_own_command(
    host: GuardedHost, backup_key: SshClient, data: str, tmp_path
) -> None:
    mark = host.log.mark()

    done = require(backup_key.rsync("-a", f"client:{data}/", f"{tmp_path}/got/"))

    _, number, _ = witness(done.stderr.decode())
    start = host.log.settled(mark)[0]
    assert start["event.action"] == "command-started"
    assert start["event.sequence"] < number


def test_tar_is_told_nothing(backup_key: SshClient, data: str) -> None:
    """BackupPC counts each line of tar's standard error that it doesn't know as an error."""
    done = require(backup_key.run(f"tar -c -f - -C {data} ."))

    assert done.stderr == b""


def test_a_refused_rsync_gets_no_checkpoint(backup_key: SshClient) -> None:
    done = backup_key.run("rsync --server --sender -logDtpre.iLsfxC . /outside/")

    assert done.stderr == b"bpc-ssh-guard: refused (outside-roots)\n"
