"""A stock BackupPC 4.4 backs up and restores through the guard, by rsync and by tar, exactly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import trees
from .comparison import differences, rsync_differences, snapshot

if TYPE_CHECKING:
    from .backuppc import BackupPcServer
    from .clients import SshClient
    from .host import CommandLog
    from .site import Site

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("method", ["rsync", "tar"])
def test_backuppc_full_incremental_and_restore_lose_nothing(
    method: str,
    backuppc: BackupPcServer,
    backup_key: SshClient,
    restore_key: SshClient,
    log: CommandLog,
    data: str,
    restored: str,
) -> None:
    source, target = f"stock-{method}", f"stock-{method}-restore"
    backuppc.add_host(source, method, [data], backup_key)
    backuppc.add_host(target, method, [restored], restore_key)
    trees.build(data)
    mark = log.mark()

    full = backuppc.full(source)
    assert full.completed("full backup complete"), full.text
    trees.change(data, delete=method == "rsync")
    incremental = backuppc.incremental(source)
    assert incremental.completed("incr backup complete"), incremental.text
    restore = backuppc.restore(source, data, target, restored)
    assert restore.completed("restore complete"), restore.text

    kept = {"folder_times": method == "rsync"}
    assert differences(snapshot(data), snapshot(restored), **kept) == []
    assert rsync_differences(data, restored, *(["-O"] if method == "tar" else [])) == []
    assert backuppc.kinds(source) == ["full", "incr"]
    ended = [r for r in log.settled(mark) if r["event.action"] == "command-ended"]
    assert [r["process.exit_code"] for r in ended] == [0, 0, 0]
    assert "xferErrs" not in restore.text


SHARES = (
    "with space",
    "it's",
    'say "hi"',
    "$HOME",
    "Grüße 日本語",
    "-rf",
    "*",
    "[ab]?",
    "back\\slash",
    "semi;colon & more",
    "#hash ~tilde",
)


@pytest.mark.parametrize("method", ["rsync", "tar"])
def test_backuppc_serves_shares_with_odd_names(
    method: str,
    backuppc: BackupPcServer,
    backup_key: SshClient,
    restore_key: SshClient,
    data: str,
    restored: str,
) -> None:
    source, target = f"odd-{method}", f"odd-{method}-restore"
    shares = [f"{data}/{name}" for name in SHARES]
    backuppc.add_host(source, method, shares, backup_key)
    backuppc.add_host(target, method, [restored], restore_key)
    for number, share in enumerate(shares):
        os.mkdir(share)
        trees.write_file(f"{share}/file {number}", f"share {number}\n")
    os.mkdir(f"{data}/ax")  # what the share [ab]? would match, were it taken for a pattern
    trees.write_file(f"{data}/ax/decoy", "not asked for\n")

    full = backuppc.full(source)
    assert full.completed("full backup complete"), full.text
    for number, share in enumerate(shares):
        trees.write_file(f"{share}/later {number}", f"later in {number}\n")
    incremental = backuppc.incremental(source)
    assert incremental.completed("incr backup complete"), incremental.text

    wrong = []
    for number, share in enumerate(shares):
        folder = f"{restored}/share {number}"
        os.mkdir(folder)
        done = backuppc.restore(source, share, target, folder)
        assert done.completed("restore complete"), done.text
        wrong += differences(snapshot(share), snapshot(folder))
    assert wrong == []


@pytest.mark.parametrize("method", ["rsync", "tar"])
def test_restore_keeps_set_id_bits_and_special_files_where_the_policy_accepts_them(
    method: str, backuppc: BackupPcServer, backup_key: SshClient, site: Site, data: str,
    restored: str,
) -> None:  # fmt: skip
    key = site.client("more-restore")

    _restore_special_files(backuppc, method, "accepted", backup_key, key, data, restored)

    assert differences(snapshot(data), snapshot(restored)) == []


def test_rsync_restore_drops_set_id_bits_and_special_files_by_default(
    backuppc: BackupPcServer, backup_key: SshClient, restore_key: SshClient,
    data: str, restored: str,
) -> None:  # fmt: skip
    # tar has no option that keeps them out without losing sticky bits too: that takes the kernel.
    _restore_special_files(backuppc, "rsync", "dropped", backup_key, restore_key, data, restored)

    kept = {name: (entry.kind, entry.mode) for name, entry in snapshot(restored).items()}
    assert kept == {b"setuid": ("-", "0o755"), b"setgid": ("-", "0o755")}


@pytest.mark.parametrize(("method", "file"), [("rsync", "XferLOG.bad.z"), ("tar", "XferLOG.0.z")])
def test_backuppc_transfer_log_shows_the_refusal(
    method: str, file: str, backuppc: BackupPcServer, backup_key: SshClient, log: CommandLog,
    site: Site,
) -> None:  # fmt: skip
    outside = f"{site.folder}/outside-{method}"
    os.mkdir(outside)
    name = os.path.basename(outside)
    backuppc.add_host(name, method, [outside], backup_key)
    mark = log.mark()

    assert backuppc.full(name).status != 0

    # BackupPC keeps the empty folder of the tar backup as a partial one, under its number.
    assert "bpc-ssh-guard: refused (outside-roots)" in backuppc.transfer_log(name, file).split("\n")
    [record] = log.settled(mark)
    assert (record["event.action"], record["event.code"]) == ("command-denied", "outside-roots")


def _restore_special_files(
    backuppc: BackupPcServer, method: str, name: str, backup_key: SshClient,
    restore_key: SshClient, data: str, restored: str,
) -> None:  # fmt: skip
    source, target = f"{name}-{method}", f"{name}-{method}-restore"
    backuppc.add_host(source, method, [data], backup_key)
    backuppc.add_host(target, method, [restored], restore_key)
    trees.add_special(data)
    full = backuppc.full(source)
    assert full.completed("full backup complete"), full.text
    restore = backuppc.restore(source, data, target, restored)
    assert restore.completed("restore complete"), restore.text
