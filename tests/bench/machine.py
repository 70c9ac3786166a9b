"""What the table was measured with: interpreter, programs, processors and their load."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from .harness import CannotMeasure
from .stage import PYTHON, version_of_rsync

if TYPE_CHECKING:
    from .stage import Stage


def describe(stage: Stage, load_at_start: float) -> dict[str, str]:
    """Return the facts that a figure means little without."""
    return {
        "guard": _bytecode(stage),
        "python": f"{PYTHON} = {os.path.realpath(PYTHON)}, {_said(PYTHON, '-IS', '-V')}, flags -IS",
        "rsync": version_of_rsync(),
        "ssh": _said("/usr/bin/ssh", "-V"),
        "machine": f"{os.cpu_count()} x {_processor()}, Linux {os.uname().release}",
        "load": f"{load_at_start:.1f} at the start, {os.getloadavg()[0]:.1f} at the end",
    }


def _bytecode(stage: Stage) -> str:
    """Say where the guard's modules came from: compiling them would cost the most.

    Without arguments the launcher loads what every login loads, and fails.
    """
    try:
        launcher = stage.guard
    except CannotMeasure:
        return "not installed"
    done = subprocess.run(
        [PYTHON, "-IS", "-v", launcher], env=stage.environment(), capture_output=True,
        text=True, errors="replace", timeout=10, check=False,
    )
    lines = [line.rstrip("'\"") for line in done.stderr.splitlines() if "bpc_ssh_guard" in line]
    loaded = [line for line in lines if line.startswith("import 'bpc_ssh_guard")]
    packed = sum("packed.Pack" in line for line in loaded)
    compiled = sum(line.startswith("# code object from") and not line.endswith(".pyc")
                   for line in lines)
    how = f"{packed} from the pack, {len(loaded) - packed - compiled} from .pyc files"
    return f"{len(loaded)} modules at the start, {how}, {compiled} compiled each time"


def _said(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotMeasure(str(error)) from None
    return (done.stdout or done.stderr).strip()


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return os.uname().machine
