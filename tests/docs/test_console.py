"""What a document shows at a prompt is what the programs print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .console import GRANT, SEND, Machine, commands, without_times
from .pages import GUARD, GUARDCTL, README, fenced_blocks, literal_blocks, policies, text

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = [
    (path, typed, output)
    for path, blocks in (
        (GUARD, literal_blocks(GUARD, "console")),
        (GUARDCTL, literal_blocks(GUARDCTL, "console")),
        (README, fenced_blocks(README, "console")),
    )
    for block in blocks
    for typed, output in commands(block)
]
STATUS = [each for block in literal_blocks(GUARDCTL, "status") for each in commands(block)]
EVERY_COMMAND = pytest.mark.parametrize(
    ("path", "typed", "output"), SHOWN,
    ids=[f"{path.name}-{number}" for number, (path, _, _) in enumerate(SHOWN)],
)


@pytest.fixture
def machine(path: Path, tmp_path: Path) -> Machine:
    """Return a machine with the first policy of the document and a log of some logins."""
    shown = dict(reversed(policies()))
    machine = Machine(tmp_path, shown.get(path, shown[GUARDCTL]))
    for command in (None, SEND, f"nice {SEND}", f"nice {SEND}"):
        machine.log_in(command)
    machine.run(GRANT)
    return machine


@EVERY_COMMAND
def test_command_prints_what_is_shown(
    path: Path, typed: str, output: str, machine: Machine
) -> None:
    printed = machine.run(typed)
    assert printed
    assert "Traceback" not in printed
    if output:
        assert without_times(printed) == without_times(output)


@pytest.mark.parametrize("path", [GUARDCTL], ids=lambda path: path.name)
@pytest.mark.parametrize("typed_and_shown", STATUS, ids=lambda each: each[0].split()[-1])
def test_log_says_of_itself_what_is_shown(
    typed_and_shown: tuple[str, str], machine: Machine
) -> None:
    typed, shown = typed_and_shown
    assert _without_figures(machine.run(typed)) == _without_figures(shown)


def test_log_is_begun_with_what_is_shown(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "Key web1-backup\nBackup /home\n", with_log=False)
    ((typed, shown),) = [each for block in literal_blocks(GUARDCTL, "fresh")
                         for each in commands(block)]
    assert _without_figures(machine.run(typed)) == _without_figures(shown)
    assert "is a log already" in machine.run("bpc-ssh-guardctl log init")


def _without_figures(output: str) -> str:
    """Return OUTPUT with each hash and key by its length alone, and each size as one word."""
    hashes = re.sub(r"\b[0-9a-f]{32,}\b", lambda found: f"{len(found[0])} digits", output)
    return re.sub(r"^(sequence|size) +[0-9]+$", r"\1 NUMBER", hashes, flags=re.MULTILINE)


@pytest.mark.parametrize("path", [GUARD, README], ids=lambda path: path.name)
def test_login_without_a_command_gets_the_greeting_that_is_shown(
    path: Path, machine: Machine
) -> None:
    shown = re.findall(r"^(?:\.Dl | {4})?(bpc-ssh-guard \S+ label=.*)$", text(path), re.MULTILINE)
    done = machine.log_in(None)
    assert shown
    assert {f"{greeting}\n" for greeting in shown} == {done.stdout}
    assert (done.returncode, done.stderr) == (126, "")


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        (SEND, 0, ""),
        ("cat /etc/shadow", 126, "bpc-ssh-guard: refused (unknown-program)\n"),
        (f"{SEND}/../../root", 126, "bpc-ssh-guard: refused (bad-operand)\n"),
        ("tar -c -f - -C /home .", 127, "bpc-ssh-guard: failed (exec-failed)\n"),
    ],
)
def test_other_side_sees_what_readme_says(
    command: str, status: int, reason: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, f"Tar {tmp_path}/missing\nKey web1-backup\nBackup /home\n")
    done = machine.log_in(command)
    said = re.sub(r"^bpc-ssh-guard: checkpoint 1 [0-9a-f]{32} [0-9]+ [0-9a-f]{64}\n", "",
                  done.stderr)
    assert (done.returncode, done.stdout, said) == (status, "", reason)
    assert (said != done.stderr) == (command == SEND)


def test_other_side_learns_that_the_guard_failed_and_not_why(tmp_path: Path) -> None:
    done = Machine(tmp_path, "Bakcup /home\n").log_in(SEND)
    assert (done.returncode, done.stderr) == (125, "bpc-ssh-guard: failed (bad-policy)\n")


def test_auditor_finds_reasons_addresses_and_sizes(tmp_path: Path) -> None:
    ((_, policy),) = [(path, block) for path, block in policies() if path == README]
    machine = Machine(tmp_path, policy)
    for command in (SEND, f"nice {SEND}", "cat /etc/shadow\x1b[2J"):
        machine.log_in(command)

    counted, denied, held, moved = [
        machine.run(typed) for path, typed, _ in SHOWN if path == README and "jsonl" in typed
    ]

    assert [each.split() for each in counted.splitlines()] == [
        ["1", '"event.code":"feature-not-accepted"'], ["1", '"event.code":"not-words"'],
    ]
    first, second = denied.splitlines()
    assert first.endswith(f"web1-backup 192.0.2.7 feature-not-accepted 'nice {SEND}'")
    assert second.endswith(r"web1-backup 192.0.2.7 not-words 'cat /etc/shadow\x1b[2J'")
    assert re.fullmatch(r' *1 "bpc\.confine\.layers":"[a-z0-9:,]+"\n', held)
    day, label, size = moved.split()
    assert (len(day), label, size.isdigit()) == (10, "web1-backup", True)
