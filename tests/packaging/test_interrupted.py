"""Installations that are killed, or run while guards start: each guard is whole, old or new."""

from __future__ import annotations

import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.guardctl.install import install

from .client import (
    INSTALL_FROM,
    PACKAGE,
    PYTHON,
    SECONDS,
    Client,
    copy_of_package,
    greeting,
    guard_of,
    guardctl_of,
    listing,
    run,
    trees_of,
)

if TYPE_CHECKING:
    from pathlib import Path

NEW = "9.9.9"
# Kill the process itself before its STEPth change of the file system or start of a program.
KILLED_AT_STEP = """
import os, signal, sys
step, steps = int(sys.argv.pop()), 0
CHANGES = {"os.mkdir", "os.rename", "os.chmod", "os.chown", "os.remove", "os.rmdir", "os.symlink",
           "subprocess.Popen"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def count(event, arguments):
    global steps
    if event in CHANGES or event == "open" and (arguments[2] or 0) & WRITING:
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
""" + INSTALL_FROM + "print(steps)\n"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Return a later version of the package."""
    return copy_of_package(tmp_path / "new", NEW)


@pytest.fixture
def settled(prefix: Path, tmp_path: Path) -> Path:
    """Return a copy of PREFIX as it is after two installations of the version under test."""
    install(str(prefix))
    install(str(prefix))
    return shutil.copytree(prefix, tmp_path / "settled", symlinks=True)


def test_guard_is_whole_after_a_kill_at_any_step(
    prefix: Path, settled: Path, new: Path, client: Client
) -> None:
    whole = run(_killed_at(0, new, prefix))
    steps = int(whole.out)
    answers = []
    # The last steps put the new launchers in place; before them the same is done to each file.
    for step in [*range(1, steps - 12, steps // 8), *range(steps - 12, steps + 1)]:
        shutil.rmtree(prefix)
        shutil.copytree(settled, prefix, symlinks=True)
        assert run(_killed_at(step, new, prefix)).status == -signal.SIGKILL, step
        answers.append(client.log_in([guard_of(prefix)]))
        assert run([guardctl_of(prefix), "--help"]).status == 0, step
        assert answers[-1] in (greeting(), greeting(NEW)), step
        _require_clean_after_the_next(prefix)
    assert answers == sorted(answers, key=greeting(NEW).__eq__)
    assert answers[0] == greeting()
    assert answers[-1] == greeting(NEW)


def test_first_installation_killed_at_any_step_is_completed_by_the_next(
    prefix: Path,
) -> None:
    steps = int(run(_killed_at(0, PACKAGE.parent, prefix)).out)
    whole = listing(prefix)
    # The first steps make the folders; the last put launchers in place, of which the one that is
    # there already keeps its modules.
    for step in [*range(1, 9), *range(9, steps - 12, steps // 8)]:
        shutil.rmtree(prefix)
        assert run(_killed_at(step, PACKAGE.parent, prefix)).status == -signal.SIGKILL, step
        install(str(prefix))
        assert listing(prefix) == whole, step


def test_next_installation_waits_for_what_a_killed_one_left_running(
    prefix: Path, tmp_path: Path, client: Client
) -> None:
    fatal, over = tmp_path / "python3", tmp_path / "over"
    fatal.write_text(f"""#!/bin/sh
    case "$*" in *compileall*) kill -9 $PPID; sleep 1; {PYTHON} "$@"; : > {over}; exit;; esac
    exec {PYTHON} "$@"
    """)
    fatal.chmod(0o755)
    code = INSTALL_FROM.replace("destdir=sys.argv[3]", "interpreter=sys.argv[3]")
    killed = run([PYTHON, "-IS", "-c", code, PACKAGE.parent, prefix, fatal])
    assert killed.status == -signal.SIGKILL
    assert not over.exists()
    install(str(prefix))
    assert over.exists()
    assert client.log_in([guard_of(prefix)]) == greeting()
    assert len(trees_of(prefix)) == 1


def test_every_guard_started_during_installations_is_whole(
    prefix: Path, new: Path, client: Client
) -> None:
    install(str(prefix))
    answers = []
    for source in (new, PACKAGE.parent, new, PACKAGE.parent):
        with subprocess.Popen(_installing(source, prefix)) as installing:
            while installing.poll() is None:
                answers.append(client.log_in([guard_of(prefix)]))
        assert installing.returncode == 0
        answers.append(client.log_in([guard_of(prefix)]))
    assert [answer for answer in answers if answer not in (greeting(), greeting(NEW))] == []
    assert greeting() in answers
    assert greeting(NEW) in answers


def test_installations_at_the_same_time_take_turns(prefix: Path, client: Client) -> None:
    running = [subprocess.Popen(_installing(PACKAGE.parent, prefix)) for _ in range(3)]
    assert [process.wait(SECONDS) for process in running] == [0, 0, 0]
    assert client.log_in([guard_of(prefix)]) == greeting()
    assert len(trees_of(prefix)) == 2
    assert not [path for path in listing(prefix) if path.endswith(".new")]


def _installing(source: Path, prefix: Path) -> list[str]:
    return [PYTHON, "-ISB", "-c", INSTALL_FROM, str(source), str(prefix), ""]


def _killed_at(step: int, source: Path, prefix: Path) -> list[str]:
    return [PYTHON, "-ISB", "-c", KILLED_AT_STEP, str(source), str(prefix), "", str(step)]


def _require_clean_after_the_next(prefix: Path) -> None:
    """Install once more; whatever no launcher named by then must be gone."""
    named = {tree for tree in trees_of(prefix) if _is_named(tree, prefix)}
    install(str(prefix))
    assert set(trees_of(prefix)) == named | {tree for tree in trees_of(prefix)
                                             if _is_named(tree, prefix)}
    assert not [path for path in listing(prefix) if path.endswith(".new")]


def _is_named(tree: Path, prefix: Path) -> bool:
    texts = (guard_of(prefix).read_text(), guardctl_of(prefix).read_text())
    link = (prefix / "lib/bpc-ssh-guard/bpc_ssh_guard").readlink()
    return link.parts[0] == tree.name or any(f"'{tree}'" in text for text in texts)
