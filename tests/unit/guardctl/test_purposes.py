"""Rotation and audit keys in `explain`, `check` and `doctor`: said what they are for, never run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.guardctl.checks.purposes import check_purposes
from bpc_ssh_guard.policy import load

from . import scenes

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
Key web1-backup
    Backup   /srv/data
Key web1-restore
    Restore  /srv/restore
    Grants   remote
Key web1-rotate
    Rotate   web1-backup web1-restore
Key web1-audit
    Audit
"""
NONCE = "00" * 16
KEYID = "0" * 32
BACKUP = "rsync --server --sender -logDtpre.iLsfxC . /srv/data/"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy"
    path.write_text(POLICY, encoding="ascii")
    path.chmod(0o600)
    return str(path)


def explain(policy: str, key: str, *arguments: str) -> int:
    return main(["guardctl", "explain", "--policy", policy, "--key", key, *arguments])


def findings(text: str) -> list[str]:
    return [str(each) for each in check_purposes(load.parse(text.encode(), b"/policy"))]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (f"bpc-log/1 checkpoint {NONCE}", "where the command log ends, proved for the nonce"),
        ("bpc-log/1 export 17", "the lines of the command log from record 17 on"),
    ],
)
def test_explain_says_what_an_audit_key_answers(
    policy: str, command: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "web1-audit", command) == exits.YES
    assert capsys.readouterr().out.splitlines() == [
        "allowed: audit",
        f"  answers:  {answer}",
        "  confined: the guard answers by itself and starts no program",
    ]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("list", "which keys web1-backup, web1-restore have"),
        (f"retire web1-backup {KEYID}",
         f"whether {KEYID} of web1-backup is gone, if a later key has logged in"),
        ("grant web1-restore 7200", "whether web1-restore may restore for 7200 seconds"),
    ],
)
def test_explain_says_what_a_rotation_key_answers(
    policy: str, request_: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "web1-rotate", f"bpc-key/1 {request_}") == exits.YES
    assert capsys.readouterr().out.splitlines()[:2] == [
        "allowed: rotate", f"  answers:  {answer}",
    ]  # fmt: skip


def test_explain_knows_which_labels_a_key_rotates(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "web1-rotate", "bpc-key/1 ungrant web1-audit") == exits.NO
    assert capsys.readouterr().out.startswith("refused: not-rotatable: ")


def test_explain_shows_where_a_request_is_wrong(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "web1-audit", "bpc-log/1 export 1 2") == exits.NO
    out = capsys.readouterr().out
    assert out.startswith("refused: bad-operand: ")
    assert f"  command: bpc-log/1 export 1 2\n{' ' * (11 + 18)}^ byte 18\n" in out


@pytest.mark.parametrize("command", [BACKUP, "tar -c -f - -C /srv/data ."])
@pytest.mark.parametrize(
    ("key", "purpose"),
    [
        ("web1-audit", "it serves checkpoints and lines of the command log; no rsync, no tar"),
        ("web1-rotate", "it replaces the keys of web1-backup, web1-restore; no rsync, no tar"),
    ],
)
def test_explain_says_what_a_key_without_a_program_is_for(
    policy: str, key: str, purpose: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, key, command) == exits.NO
    out = capsys.readouterr().out
    assert out.startswith("refused: wrong-operation: ")
    assert f"  what this key is for: {purpose}\n" in out


def test_explain_says_nothing_of_the_kind_of_other_keys(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "web1-backup", f"bpc-log/1 checkpoint {NONCE}") == exits.NO
    out = capsys.readouterr().out
    assert out.startswith("refused: unknown-program: ")
    assert "what this key is for" not in out


def test_explain_answers_for_programs_too(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(policy, "web1-audit", "--json", "bpc-log/1 export 0") == exits.YES
    said = json.loads(capsys.readouterr().out)
    assert [said[name] for name in ("verdict", "reason", "operation", "program", "argv")] == [
        "allow", None, "audit", None, [],
    ]  # fmt: skip


FAR = "    From 192.0.2.7\n"


def test_check_wants_addresses_for_keys_without_a_program() -> None:
    assert findings(POLICY) == [
        ("warning: /policy:6: Key web1-rotate replaces other keys from any address; add From with"
         " the address of the backup server"),
        ("note: /policy:8: Key web1-audit hands out the log to any address; add From with the"
         " address of the auditor"),
    ]  # fmt: skip
    closed = POLICY.replace("Audit\n", f"Audit\n{FAR}").replace(
        "web1-backup web1-restore\n", f"web1-backup web1-restore\n{FAR}"
    )
    assert findings(closed) == []


def test_check_finds_remote_grants_that_nobody_can_open() -> None:
    assert findings("Key b\nRestore /srv/b\nGrants remote\n") == [
        ("warning: /policy:1: Key b says Grants remote, but no Rotate names it, so no key can open"
         " a grant; add Rotate b to a key, or take the line out"),
    ]


def test_check_finds_certificates_whose_authority_no_key_can_replace() -> None:
    assert findings("Key b\nBackup /srv/b\nCertificates web1\n") == [
        ("warning: /policy:1: Key b says Certificates, but no Rotate names it, so no key can"
         " replace the authority; add Rotate b to a key, or take the line out"),
    ]


def test_check_tells_it_among_the_rest(checked) -> None:
    checked.write_policy(checked_policy(checked.root))
    assert any("Key web1-audit hands out" in str(each) for each in checked.findings())


def checked_policy(root: str) -> str:
    return scenes.POLICY.format(root=root) + "Key web1-audit\n    Audit\n"


@pytest.mark.parametrize("chosen", [(), ("--key", "web1-audit")])
def test_doctor_passes_over_keys_without_a_program_and_says_so(
    policy: str, chosen: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bpc_ssh_guard", "guardctl", "doctor", "--json", "--policy", policy,
         *chosen],
        cwd=scenes.CHECKOUT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    said = "bpc-ssh-guardctl: web1-audit: a key for audit runs no program, so nothing is confined"
    assert said in done.stderr.splitlines()
    assert ("web1-rotate" in done.stderr) == (not chosen)
    tried = {each["key"] for each in json.loads(done.stdout)}
    assert tried == (set() if chosen else {"web1-backup", "web1-restore"})
