"""Each key does what its block says and nothing else; what is refused changes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import trees
from .comparison import differences, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from .clients import SshClient
    from .host import CommandLog, GuardedHost

pytestmark = pytest.mark.lab

SEND = "rsync --server --sender -logDtpre.iLsfxCIvu . {}"
RECEIVE = "rsync --server -logDtpre.iLsfxCIvu --delete . {}"
CREATE = "env LC_ALL=C /bin/tar -c -v -f - -C {} --totals ."
EXTRACT = "env LC_ALL=C /bin/tar -x -p --numeric-owner --same-owner -v -f - -C {}"


@pytest.mark.parametrize("command", [RECEIVE, EXTRACT], ids=["rsync", "tar"])
def test_backup_key_cannot_restore(
    command: str, backup_key: SshClient, log: CommandLog, data: str
) -> None:
    trees.build(data)
    before = snapshot(data)
    mark = log.mark()

    assert _refusal(backup_key, command.format(data)) == "wrong-operation"

    assert differences(before, snapshot(data)) == []
    assert _codes(log, mark) == ["wrong-operation"]


@pytest.mark.parametrize("command", [SEND, CREATE], ids=["rsync", "tar"])
def test_restore_key_cannot_back_up(
    command: str, restore_key: SshClient, log: CommandLog, restored: str
) -> None:
    mark = log.mark()

    assert _refusal(restore_key, command.format(restored)) == "wrong-operation"

    assert _codes(log, mark) == ["wrong-operation"]


def test_rsync_client_can_neither_push_with_the_backup_key_nor_pull_with_the_restore_key(
    backup_key: SshClient, restore_key: SshClient, host: GuardedHost, data: str, restored: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    trees.build(data)
    before = host.state()
    empty = tmp_path / "empty"
    empty.mkdir()

    for form in (("-a", "--delete"), ("-a", "--delete", "-s")):
        push = backup_key.rsync(*form, f"{empty}/", f"client:{data}/")
        pull = restore_key.rsync(*form, f"client:{restored}/", f"{tmp_path}/pulled/")
        assert push.returncode != 0
        assert pull.returncode != 0
        assert b"bpc-ssh-guard: refused (wrong-operation)\n" in push.stderr
        assert b"bpc-ssh-guard: refused (wrong-operation)\n" in pull.stderr

    assert differences(before, host.state()) == []


def test_reads_nothing_outside_the_backup_roots(
    backup_key: SshClient, log: CommandLog, host: GuardedHost, data: str
) -> None:
    outside = (
        "/",
        "/etc/",
        f"{host.data}X/",  # a sibling that begins alike
        os.path.dirname(host.data),
        host.restored,
        os.path.dirname(host.log.path),
    )
    mark = log.mark()

    reasons = [
        _refusal(backup_key, command.format(path))
        for path in outside
        for command in (SEND, CREATE)
    ]

    assert reasons == ["outside-roots"] * len(reasons)
    assert _codes(log, mark) == reasons
    for path in (f"{data}/../..", f"{data}/./x", "etc", "~root", ""):
        assert _refusal(backup_key, SEND.format(path)) != ""


def test_writes_nothing_outside_the_restore_roots(
    restore_key: SshClient, host: GuardedHost, data: str
) -> None:
    trees.build(data)
    before = snapshot(data)

    for path in (data, f"{host.restored}X", f"{host.restored}/../data", "/tmp", "/root/.ssh"):
        for command in (RECEIVE, EXTRACT):
            assert _refusal(restore_key, command.format(path)) in ("outside-roots", "bad-operand")

    assert differences(before, snapshot(data)) == []


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "/bin/sh",
        "bash -i",
        "rsync",
        "rsync --daemon",
        "rsync --server --daemon .",
        "tar --version",
        "cat /etc/shadow",
        "env LC_ALL=C sh",
        "scp -f /etc/passwd",
        "/usr/lib/openssh/sftp-server",
        "internal-sftp",
        "rsync --server --sender -logDtpre.iLsfxCIvu . /srv; id",
        "rsync --server --sender -logDtpre.iLsfxCIvu . $(id)",
        "rsync --server --sender -logDtpre.iLsfxCIvu . `id`",
    ],
)
def test_starts_no_other_program(command: str, backup_key: SshClient, log: CommandLog) -> None:
    mark = log.mark()

    reason = _refusal(backup_key, command)

    records = log.settled(mark)
    assert [(r["event.action"], r["event.code"]) for r in records] == [("command-denied", reason)]
    assert records[0]["process.command_line"] == command


def test_sender_cannot_write_a_log_file(
    backup_key: SshClient, log: CommandLog, data: str, tmp_path: Path
) -> None:
    option = f"--log-file={tmp_path}/written"
    visible = f"rsync --server --sender -logDtpre.iLsfxCIvu {option} . {data}"
    secluded = b"\0".join([b"rsync", option.encode(), b".", data.encode(), b"\0"])
    mark = log.mark()

    assert _refusal(backup_key, visible) == "unknown-option"
    hidden = "rsync --server --sender -slogDtpre.iLsfxCIvu"
    assert _refusal(backup_key, hidden, stdin=secluded) == "unknown-option"

    assert list(tmp_path.iterdir()) == []
    assert log.settled(mark)[1]["bpc.secluded.args"] == [option, ".", data]


def _refusal(client: SshClient, command: str, stdin: bytes = b"") -> str:
    """Return the reason why COMMAND is refused; the peer gets that one line and nothing else."""
    done = client.run(command, stdin=stdin)
    prefix, suffix = b"bpc-ssh-guard: refused (", b")\n"
    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr.startswith(prefix)
    assert done.stderr.endswith(suffix)
    reason = done.stderr[len(prefix) : -len(suffix)].decode()
    assert not reason.strip("abcdefghijklmnopqrstuvwxyz-")
    return reason


def _codes(log: CommandLog, mark: int) -> list[str]:
    records = log.settled(mark)
    assert {record["event.action"] for record in records} == {"command-denied"}
    return [record["event.code"] for record in records]
