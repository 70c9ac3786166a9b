"""Bad input ends in one clean line to the peer and one record: no traceback, no hang."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.command.secluded import DEADLINE_SECONDS

from .process import TIME_LIMIT, running

if TYPE_CHECKING:
    import subprocess

    from .clients import SshClient
    from .host import CommandLog, GuardedHost, Record

pytestmark = pytest.mark.lab

VISIBLE = b"rsync --server --sender -logDtpre.iLsfxCIvu . "
SECLUDED = b"rsync --server --sender -slogDtpre.iLsfxCIvu"
# Bytes that mean themselves inside a word that begins with a slash; all others need an escape.
# BackupPC writes ! # ~ without one, rsync ^.
LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                    b"_@%+=:,./-!#~^") | frozenset(range(0x80, 0x100))  # fmt: skip


def test_bytes_that_mean_themselves_reach_rsync_as_they_are(
    backup_key: SshClient, log: CommandLog, data: str
) -> None:
    path = f"{data}/a".encode() + bytes(sorted(LITERAL - set(b"/")))
    mark = log.mark()

    backup_key.run(VISIBLE + path)

    started, ended = log.settled(mark)
    assert started["event.action"] == "command-started"
    assert started["process.args"][-1] == path.decode("utf-8", "backslashreplace")
    assert ended["event.action"] == "command-ended"


@pytest.mark.parametrize("value", sorted(set(range(1, 0x100)) - LITERAL), ids=hex)
def test_every_other_byte_is_refused_without_an_escape(
    value: int, backup_key: SshClient, log: CommandLog, host: GuardedHost, data: str
) -> None:
    mark = log.mark()

    command = VISIBLE + data.encode() + b"/a%cb" % value
    done = host.run_guard("web1-backup", backup_key.key, command)

    _require_refusal(done, log.settled(mark))


@pytest.mark.parametrize(
    "word",
    [b"a\nb", b"a\rb", b"a\tb", b"\x1b[2J", b"a\xff\\\nb", b"a\\\x1bb", b"'\x07'", b"\xe2\x80\xae"],
)
def test_control_characters_are_refused_and_recorded_in_ascii(
    word: bytes, backup_key: SshClient, log: CommandLog, data: str
) -> None:
    mark = log.mark()

    done = backup_key.run(VISIBLE + data.encode() + b"/" + word)

    record = _require_refusal(done, log.settled(mark))
    assert record["event.code"] == "not-words"


@pytest.mark.parametrize(
    "command",
    [b"a" * 131_050, b"\xff" * 131_050, b"a " * 65_525, VISIBLE + b"/a " * 40_000, b"\\ " * 60_000],
    ids=["letters", "bytes", "words", "operands", "escaped blanks"],
)
def test_longest_command_is_refused_and_recorded_in_part(
    command: bytes, backup_key: SshClient, log: CommandLog
) -> None:
    mark = log.mark()

    done = backup_key.run(command)

    record = _require_refusal(done, log.settled(mark))
    assert record["event.code"] == "too-long"
    assert record["bpc.command.bytes"] == len(command)
    assert len(record["process.command_line"]) <= 4 * 4096


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0",
        b"rsync",
        b"rsync\0",
        b"rsync\0.\0",
        b"rsync\0--timeout=60\0.\0/srv",
        b"rsync\0--timeout=60\0\0.\0/srv\0\0",
        b"rsync\0.\0\0/srv\0\0",
        b"\0\0\0\0",
        b"rsync\0--log-file=/tmp/x\0.\0/srv\0\0",
        b"tar\0.\0/srv\0\0",
        b"rsync\0.\0/srv/\x1b[2J\0\0",
        b"rsync\0\xff\0.\0/srv\0\0",
        b"rsync\0.\0" + b"/a\0" * 100_000 + b"\0",
        b"rsync\0.\0/" + b"a" * 5_000 + b"\0\0",
        b"a" * 2_000_000,
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_secluded_list_that_is_not_well_formed_is_refused(
    sent: bytes, backup_key: SshClient, log: CommandLog
) -> None:
    mark = log.mark()

    done = backup_key.run(SECLUDED, stdin=sent)

    _require_refusal(done, log.settled(mark))


def test_secluded_list_that_ends_anywhere_early_is_refused(
    backup_key: SshClient, log: CommandLog, host: GuardedHost, data: str
) -> None:
    whole = b"rsync\0--timeout=60\0--numeric-ids\0.\0" + data.encode() + b"/\0\0"
    for length in range(0, len(whole) - 1, 3):
        mark = log.mark()

        done = host.run_guard("web1-backup", backup_key.key, SECLUDED, stdin=whole[:length])

        assert _require_refusal(done, log.settled(mark))["event.code"] == "bad-secluded-list"


def test_secluded_list_that_stalls_is_refused_at_the_deadline(
    backup_key: SshClient, log: CommandLog
) -> None:
    mark = log.mark()
    beginnings = (b"", b"rsync", b"rsync\0--numeric-ids\0", b"rsync\0.\0/srv")

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(running(backup_key.argv(SECLUDED))) for _ in range(5)]
        for client, sent in zip(clients, beginnings):
            assert client.stdin is not None
            client.stdin.write(sent)
            client.stdin.flush()
        _trickle(clients[4])
        ended = [_output(client) for client in clients]

    assert ended == [(126, b"", b"bpc-ssh-guard: refused (bad-secluded-list)\n")] * 5
    records = log.settled(mark)
    assert [r["event.code"] for r in records] == ["bad-secluded-list"] * 5


def _trickle(client: subprocess.Popen[bytes]) -> None:
    """Send a byte now and then, past the deadline: it counts for the whole list."""
    assert client.stdin is not None
    end = time.monotonic() + DEADLINE_SECONDS + 5
    while client.poll() is None and time.monotonic() < end:
        with contextlib.suppress(BrokenPipeError):
            client.stdin.write(b"r")
            client.stdin.flush()
        time.sleep(0.5)


def _output(client: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Wait for CLIENT while its standard input stays open."""
    assert client.stdout is not None
    assert client.stderr is not None
    status = client.wait(TIME_LIMIT)
    return status, client.stdout.read(), client.stderr.read()


def _require_refusal(
    done: subprocess.CompletedProcess[bytes], records: list[Record]
) -> Record:
    """Return the one record of a refusal; the peer has the same reason and not a byte more."""
    assert len(records) == 1
    [record] = records
    assert record["event.action"] == "command-denied"
    line = f"bpc-ssh-guard: refused ({record['event.code']})\n"
    assert (done.returncode, done.stdout, done.stderr) == (126, b"", line.encode())
    return record
