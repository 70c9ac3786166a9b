"""What `check` says of the launcher that a line names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bpc_ssh_guard.guardctl.install import install

from . import scenes

THIRD = scenes.public_key(3)


def launcher_complaints(checked, path: str) -> list[str]:
    """Return what is said when a line names the launcher PATH."""
    checked.write_keys(*checked.good[:2], checked.managed(THIRD, program=os.fsencode(path)))
    return checked.complaints()


def write_launcher(checked, text: str, mode: int = 0o755) -> str:
    path = f"{checked.root}/bpc-ssh-guard"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


NOT_ISOLATED = ("python3 is not started with -IS, so the environment and the working folder can"
                " change what runs; bpc-ssh-guardctl install writes one that is")


def test_refuses_the_console_script_that_pip_makes(checked):
    # What pip 23 wrote for an entry point, but for the interpreter's path.
    path = write_launcher(checked, (
        "#!/usr/bin/python3\n# -*- coding: utf-8 -*-\nimport re\nimport sys\n"
        "from bpc_ssh_guard.guard import run\nif __name__ == '__main__':\n"
        "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n"
        "    sys.exit(run())\n"))
    assert launcher_complaints(checked, path) == [
        f"error: /bpc-ssh-guard: is pip's console script: {NOT_ISOLATED}"
    ]


@pytest.mark.parametrize(
    "first", ["#!/usr/bin/python3", "#!/usr/bin/python3 -I", "#!/usr/bin/python3 -S",
              "#!/usr/bin/python3 -I -S", "#!/usr/bin/python3 -ISm"],
)
def test_refuses_a_launcher_that_is_not_isolated(checked, first):
    path = write_launcher(checked, f"{first}\npass\n")
    assert launcher_complaints(checked, path) == [f"error: /bpc-ssh-guard: {NOT_ISOLATED}"]


@pytest.mark.parametrize(
    "first", ["#!/usr/bin/env -S python3 -IS", "#!python3 -IS", "#!/bin/sh", "", "import os"]
)
def test_refuses_a_launcher_that_python3_does_not_start(checked, first):
    path = write_launcher(checked, f"{first}\npass\n")
    assert launcher_complaints(checked, path) == [
        ("error: /bpc-ssh-guard: is not started by python3 with its whole path;"
        " bpc-ssh-guardctl install writes one that is")
    ]


@pytest.mark.parametrize("first", ["#!/usr/bin/python3 -IS", "#! /usr/bin/python3 -SI"])
def test_has_nothing_against_an_isolated_launcher(checked, first):
    assert launcher_complaints(checked, write_launcher(checked, f"{first}\npass\n")) == []


@pytest.mark.parametrize("flags", ["-IS", "-I -S"])
def test_has_nothing_against_isolation_in_the_forced_command_itself(checked, flags):
    path = write_launcher(checked, "pass\n", mode=0o644)
    line = checked.managed(THIRD, program=os.fsencode(path))
    line = line.replace(path.encode(), f"/usr/bin/python3 {flags} {path}".encode(), 1)
    checked.write_keys(*checked.good[:2], line)
    assert checked.complaints() == []


def test_the_bundled_guard_is_in_order(checked):
    made = subprocess.run(
        [sys.executable, "-c", ("import sys; from bpc_ssh_guard.guardctl.bundle import bundle;"
         " bundle(sys.argv[1])"), f"{checked.root}/bundle"],
        cwd=scenes.CHECKOUT, capture_output=True, timeout=60,
    )
    assert made.returncode == 0, made.stderr
    assert launcher_complaints(checked, f"{checked.root}/bundle/bpc-ssh-guard") == []


def test_refuses_a_launcher_that_is_not_there_or_not_executable(checked):
    path = write_launcher(checked, "#!/usr/bin/python3 -IS\n", mode=0o644)
    assert launcher_complaints(checked, path) == [
        "error: /bpc-ssh-guard: is not executable, so no command runs; chmod 755 it"
    ]
    os.unlink(path)
    assert launcher_complaints(checked, path) == [
        ("error: /bpc-ssh-guard: No such file or directory, so no command runs;"
        " install the guard, or have the line composed with --program")
    ]


def test_refuses_a_launcher_that_others_can_change_by_itself_or_by_a_folder_above(checked):
    path = write_launcher(checked, "#!/usr/bin/python3 -IS\n", mode=0o777)
    assert launcher_complaints(checked, path)[0].startswith("error: /bpc-ssh-guard: writable by")
    os.chmod(path, 0o755)
    os.mkdir(f"{checked.root}/open")
    shutil.move(path, f"{checked.root}/open/bpc-ssh-guard")
    os.chmod(f"{checked.root}/open", 0o777)
    complaints = launcher_complaints(checked, f"{checked.root}/open/bpc-ssh-guard")
    assert complaints[0].startswith("error: /open: writable by others")


def test_refuses_an_installation_with_a_module_that_others_can_change(checked, tmp_path_factory):
    prefix = str(tmp_path_factory.mktemp("open") / "usr")
    install(prefix)
    module = os.path.realpath(f"{prefix}/lib/bpc-ssh-guard/bpc_ssh_guard") + "/guard.py"
    os.chmod(module, 0o666)
    [complaint] = launcher_complaints(checked, f"{prefix}/sbin/bpc-ssh-guard")
    assert complaint.startswith(f"error: {module}: writable by others")
    shutil.rmtree(os.path.dirname(module))
    [complaint] = launcher_complaints(checked, f"{prefix}/sbin/bpc-ssh-guard")
    assert "the guard's modules are missing, so no command runs" in complaint
