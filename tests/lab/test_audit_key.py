"""An audit key gets checkpoints of the command log and its lines, as they are, and nothing else."""

from __future__ import annotations

import hmac
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard import __version__
from bpc_ssh_guard.record.sink import Sink
from bpc_ssh_guard.vocabulary import REASONS
from tests.unit.record.verifier import Verified

from .host import CONNECTION
from .process import running, wait_for
from .site import open_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clients import SshClient
    from .host import GuardedHost
    from .site import Site

pytestmark = pytest.mark.lab

NONCE = bytes(range(16))
CHECKPOINT = f"bpc-log/1 checkpoint {NONCE.hex()}"


@pytest.fixture(scope="module")
def audited() -> Iterator[Site]:
    """Return a site of its own with a key for backups and two for audits."""
    with open_site() as site:
        site.add_key("web1-backup", f"Backup {site.host.data}")
        site.add_key("web1-audit", "Audit")
        site.add_key("far-audit", "Audit", "From 192.0.2.7")
        site.add_key("one-audit", "Audit", "MaxSessions 1")
        site.enrol()
        yield site


@pytest.fixture
def host(audited: Site) -> GuardedHost:
    return audited.host


@pytest.fixture
def auditor(audited: Site) -> SshClient:
    """Return ssh with the audit key."""
    return audited.client("web1-audit")


def the_log(host: GuardedHost) -> bytes:
    """Return the log as it is on the disk."""
    with open(host.log.path, "rb") as file:
        return file.read()


def verified(host: GuardedHost, lines: bytes) -> Verified:
    """Return what an independent verifier, who has K_0, reads in LINES."""
    found = Verified(host.begun.chain, host.begun.key)
    for line in lines.splitlines(keepends=True):
        assert found.take(line), line
    return found


def answer(client: SshClient, command: str, status: int = 0) -> dict[str, Any]:
    """Return the one line of JSON that COMMAND is answered by."""
    done = client.run(command)
    assert done.returncode == status, done.stderr
    assert done.stdout.count(b"\n") == 1
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


def test_a_checkpoint_proves_the_records_that_an_export_gives(
    host: GuardedHost, auditor: SshClient
) -> None:
    point = answer(auditor, CHECKPOINT)

    lines = auditor.run("bpc-log/1 export 0").stdout.splitlines(keepends=True)
    upto = verified(host, b"".join(lines[: point["sequence"]]))
    assert [point[name] for name in ("v", "ok", "chain", "head")] == [
        1, True, host.begun.chain.hex(), upto.head.hex(),
    ]  # fmt: skip
    message = (
        b"bpc-ssh-guard checkpoint v1\0" + host.begun.chain
        + int(point["sequence"]).to_bytes(8, "big") + upto.head + NONCE
    )
    assert point["proof"] == hmac.new(upto.key, message, "sha256").hexdigest()[:32]
    assert upto.records[-1]["event.action"] == "checkpoint-served"
    assert upto.records[-1]["bpc.checkpoint.nonce"] == NONCE.hex()


def test_an_export_holds_the_very_bytes_of_the_log(host: GuardedHost, auditor: SshClient) -> None:
    mark = host.log.mark()

    done = auditor.run("bpc-log/1 export 0")

    assert (done.returncode, done.stderr) == (0, b"")
    start, end = host.log.settled(mark)
    everything = the_log(host)
    assert everything.startswith(done.stdout)
    assert done.stdout.endswith(b"\n")
    assert json.loads(done.stdout.splitlines()[-1])["event.action"] == "command-started"
    assert (start["bpc.op"], start["bpc.purpose"], start["rule.id"]) == (
        "export", "audit", "log-export",
    )  # fmt: skip
    assert start["process.command_line"] == "bpc-log/1 export 0"
    assert "process.args" not in start
    assert (end["event.outcome"], end["process.exit_code"]) == ("success", 0)
    assert end["bpc.io.write_bytes"] == len(done.stdout)


def test_an_export_goes_on_where_the_last_one_ended(host: GuardedHost, auditor: SshClient) -> None:
    first = auditor.run("bpc-log/1 export 0").stdout
    count = len(verified(host, first).records)

    rest = auditor.run(f"bpc-log/1 export {count}").stdout

    assert verified(host, first + rest).records[count]["event.action"] == "command-ended"
    assert the_log(host).startswith(first + rest)


def test_an_export_from_behind_the_end_says_so(host: GuardedHost, auditor: SshClient) -> None:
    """Who knows of a record that the log lacks has the witness of a roll-back."""
    count = len(verified(host, the_log(host)).records)
    mark = host.log.mark()

    assert answer(auditor, f"bpc-log/1 export {count + 1}", 126) == {
        "v": 1, "ok": False, "error": "bad-operand", "message": REASONS["bad-operand"],
    }  # fmt: skip

    _, end = host.log.settled(mark)
    assert (end["event.code"], end["event.outcome"]) == ("bad-operand", "failure")
    assert end["event.reason"] == f"there were {count} records before this command's own"


def test_an_export_from_the_very_end_gives_its_own_start(
    host: GuardedHost, auditor: SshClient
) -> None:
    count = len(verified(host, the_log(host)).records)

    done = auditor.run(f"bpc-log/1 export {count}")

    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1)


def test_an_export_goes_on_though_a_crash_made_the_state_older(
    host: GuardedHost, auditor: SshClient
) -> None:
    """The state isn't synced: after a power failure it may know fewer records than the auditor."""
    state = f"{os.path.dirname(host.log.path)}/state/state"
    with open(state, "rb") as file:
        older = file.read()
    known = auditor.run("bpc-log/1 export 0").stdout
    count = len(verified(host, known).records)
    with open(state, "r+b") as file:
        file.write(older)

    rest = auditor.run(f"bpc-log/1 export {count}")

    assert rest.returncode == 0, rest.stderr
    assert the_log(host).startswith(known + rest.stdout)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("rsync --server --sender -logDtpre.iLsfxC . {data}/", "wrong-operation"),
        ("sudo /usr/bin/rsync --server -logDtpre.iLsfxC . {data}/", "wrong-operation"),
        ("env LC_ALL=C /bin/tar -c -v -f - -C {data} .", "wrong-operation"),
        ("cat {log}", "unknown-program"),
        ("bpc-log/2 export 0", "unknown-program"),
        ("bpc-key/1 list", "unknown-program"),
        ("bpc-log/1 export 0; id", "bad-operand"),
        ("bpc-log/1 export ../../etc/shadow", "bad-operand"),
        ("bpc-log/1 checkpoint", "bad-operand"),
        ("bpc-log/1 delete 0", "bad-operand"),
        ("bpc-log/1 export " + "1" * 512, "too-long"),
        ("bpc-log/1 export $(id)", "bad-operand"),
        ("id `reboot`", "not-words"),
    ],
)
def test_nothing_else_is_served(
    host: GuardedHost, auditor: SshClient, command: str, reason: str
) -> None:
    mark = host.log.mark()

    done = auditor.run(command.format(data=host.data, log=host.log.path))

    refusal = {"v": 1, "ok": False, "error": reason, "message": REASONS[reason]}
    assert (done.returncode, json.loads(done.stdout)) == (126, refusal)
    assert done.stderr == f"bpc-ssh-guard: refused ({reason})\n".encode()
    (record,) = host.log.settled(mark)
    assert (record["event.action"], record["event.code"]) == ("command-denied", reason)
    assert record["bpc.purpose"] == "audit"


def test_a_backup_key_knows_nothing_of_the_protocol(audited: Site, host: GuardedHost) -> None:
    for command in (CHECKPOINT, "bpc-log/1 export 0"):
        done = audited.client("web1-backup").run(command)
        assert (done.returncode, done.stdout) == (126, b"")
        assert done.stderr == b"bpc-ssh-guard: refused (unknown-program)\n"


def test_an_audit_key_is_greeted_as_every_key_is(auditor: SshClient) -> None:
    done = auditor.run()

    greeting = f"bpc-ssh-guard {__version__} label=web1-audit key={auditor.key.keyid} "
    assert done.returncode == 126
    assert done.stdout.startswith(greeting.encode())


def test_an_audit_key_is_bound_to_its_addresses(audited: Site) -> None:
    done = audited.client("far-audit").run(CHECKPOINT)

    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr == b"bpc-ssh-guard: refused (wrong-address)\n"


def fill(host: GuardedHost) -> None:
    """Add more to the log than all pipes of a process hold."""
    folder = os.fsencode(os.path.dirname(host.log.path))
    sink = Sink.open(folder, folder + b"/state")
    line = b'{"event.action":"test","padding":"%s"}\n' % (b"x" * 60_000)
    for _ in range(8):
        sink.append(line)
    sink.close()


def test_a_reader_that_stalls_holds_up_nobody(audited: Site, host: GuardedHost) -> None:
    fill(host)
    key = audited.keys["one-audit"]
    environment = {"SSH_CONNECTION": CONNECTION, "SSH_ORIGINAL_COMMAND": "bpc-log/1 export 0"}
    mark = host.log.mark()
    with running(host.forced_command("one-audit", key), env=environment) as process:
        wait_for("the export has begun", lambda: host.log.since(mark))
        assert answer(audited.client("web1-audit"), CHECKPOINT)["ok"]
        # The slots of its own key are another matter.
        assert answer(audited.client("one-audit"), CHECKPOINT, 126)["error"] == "busy"
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 128 + 13
    (end,) = [r for r in host.log.settled(mark) if r["event.action"] == "command-ended"]
    assert (end["event.outcome"], end["bpc.signal"]) == ("failure", 13)
