"""The guard's own process: a refusal starts nothing, says one line and writes one record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bpc_ssh_guard.vocabulary import FAILURES, REASONS
from tests import command_log
from tests.oracles import corpus
from tests.oracles.answers import answer, policy_of
from tests.oracles.corpus import Entry

REPOSITORY = Path(__file__).parent.parent.parent
KEY_ID = "0123456789abcdef" * 2
AT_ONCE = 2
# The kernel takes no longer variable and none with NUL: sshd fails before the guard would start.
LONGEST = 131050
STUB = '#!/bin/sh\nenv > "${0%/*}/environment"\necho started >> "${0%/*}/mark"\nexit 7\n'


@dataclass(frozen=True)
class Served:
    """What one login came to."""

    entry: Entry
    label: str
    status: int
    stdout: bytes
    stderr: bytes
    records: list[dict[str, Any]]
    raw_log: bytes
    started: bool
    environment: tuple[str, ...]


def serve(entry: Entry, label: str, base: Path) -> Served:
    """Let the guard serve ENTRY for the key LABEL, with a stub in place of rsync and tar."""
    folder = base / f"{entry.id}-{label}"
    log = folder / "log"
    stub = folder / "stub"
    stub.write_text(STUB)
    stub.chmod(0o700)
    policy = folder / "policy"
    settings = f"Log {log}\nConfine off\nRsync {stub}\nTar {stub}\n"
    policy.write_bytes(corpus.policy_text(entry, settings))
    policy.chmod(0o600)
    environment = {
        b"PATH": b"/usr/bin:/bin",
        b"SSH_CONNECTION": b"192.0.2.7 50022 192.0.2.8 22",
        **dict(entry.environment),
    }
    if entry.command is not None:
        environment[b"SSH_ORIGINAL_COMMAND"] = entry.command
    done = subprocess.run(
        [sys.executable, "-ESs", "-m", "bpc_ssh_guard", "guard", "--policy", str(policy), label,
         KEY_ID],
        input=entry.stdin, env=environment, cwd=REPOSITORY, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    raw = command_log.raw(log)
    seen = folder / "environment"
    return Served(
        entry, label, done.returncode, done.stdout, done.stderr,
        [json.loads(line) for line in raw.splitlines()], raw, (folder / "mark").exists(),
        tuple(seen.read_text().splitlines()) if seen.exists() else (),
    )  # fmt: skip


def serve_all(entries: Iterable[Entry], base: Path) -> list[Served]:
    logins = [(entry, label, base) for entry in entries for label in entry.labels]
    for entry, label, _ in logins:
        log = base / f"{entry.id}-{label}" / "log"
        log.mkdir(parents=True, mode=0o700)
        command_log.begin(log)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda login: serve(*login), logins))


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    """Return what all entries that must be refused came to."""
    entries = [
        entry
        for entry in corpus.all_entries()
        if entry.expect == "refuse"
        and len(entry.command or b"") <= LONGEST
        and b"\0" not in (entry.command or b"")
    ]
    assert len(entries) >= 469
    return serve_all(entries, tmp_path_factory.mktemp("refused"))


def test_starts_nothing(refused: list[Served]) -> None:
    assert [each.entry.id for each in refused if each.started] == []


def test_ends_with_126(refused: list[Served]) -> None:
    assert {each.status for each in refused} == {126}


def test_tells_the_peer_one_line_with_the_reason_alone(refused: list[Served]) -> None:
    for each in refused:
        if not each.entry.command:
            continue
        reason = each.records[0]["event.code"]
        assert reason in set(REASONS) - FAILURES
        assert each.stderr.decode("ascii") == f"bpc-ssh-guard: refused ({reason})\n"
        assert each.stdout == b""


def test_greets_a_login_without_a_command(refused: list[Served]) -> None:
    silent = [each for each in refused if not each.entry.command]
    assert silent
    for each in silent:
        assert each.stdout.startswith(b"bpc-ssh-guard ")
        assert each.stdout.endswith(
            f" label={each.label} key={KEY_ID} generation=-\n".encode("ascii")
        )
        assert each.stderr == b""


def test_writes_one_record_of_printable_ascii(refused: list[Served]) -> None:
    for each in refused:
        assert len(each.records) == 1, each.entry.id
        assert each.raw_log.endswith(b"\n")
        assert not each.raw_log[:-1].strip(bytes(range(0x20, 0x7F)))


def test_records_the_command_and_why_it_was_refused(refused: list[Served]) -> None:
    for each in refused:
        if not each.entry.command:
            continue
        record = each.records[0]
        assert record["event.action"] == "command-denied"
        assert record["bpc.command.bytes"] == len(each.entry.command)
        assert record["bpc.key.label"] == each.label


def test_gives_the_reason_of_the_decision(refused: list[Served]) -> None:
    for each in refused:
        entry = each.entry
        if not entry.command:
            continue
        policy = policy_of(corpus.policy_text(entry))
        decided = answer(entry.command, entry.stdin, policy, each.label)
        assert decided.refusal is not None
        assert each.records[0]["event.code"] == decided.refusal.reason, entry.id


def test_an_allowed_entry_starts_the_program_with_two_records(tmp_path: Path) -> None:
    entries = [
        entry
        for entry in corpus.entries(corpus.BACKUPPC)
        if entry.expect == "allow" and not entry.accept
    ][::12]
    for each in serve_all(entries, tmp_path):
        assert each.started
        assert each.status == 7
        assert [record["event.action"] for record in each.records] == [
            "command-started", "command-ended",
        ]  # fmt: skip


def test_variables_of_the_login_change_no_verdict_and_reach_no_program(tmp_path: Path) -> None:
    entries = [entry for entry in corpus.entries(corpus.ATTACKS) if entry.environment]
    assert len(entries) == 11
    for each in serve_all(entries, tmp_path):
        command, stdin = each.entry.command or b"", each.entry.stdin
        policy = policy_of(corpus.policy_text(each.entry))
        decided = answer(command, stdin, policy, each.label)
        assert each.started == (decided.plan is not None)
        names = {line.partition("=")[0] for line in each.environment}
        assert names <= {"PATH", "HOME", "LC_ALL", "PWD", "_", "OLDPWD", "SHLVL"}
