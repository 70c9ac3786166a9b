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


# Runs a launcher up to its last line, the program itself, and tells where its modules came from.
_TELL = """
import os, sys
with open(sys.argv[1]) as file:
    exec("\\n".join(file.read().splitlines()[:-1]))
ours = [module for name, module in sys.modules.items() if name.startswith("bpc_ssh_guard")]
single = [module.__spec__ for module in ours if module.__spec__ is not None]
found = [spec for spec in single if type(spec.loader).__name__ == "Pack"]
compiled = [spec for spec in single if spec.cached and not os.path.exists(spec.cached)]
print(len(ours), len(ours) - len(single), len(found), len(compiled))
"""


def _bytecode(stage: Stage) -> str:
    """Say where the guard's modules came from: compiling them would cost the most."""
    try:
        launcher = stage.guard
    except CannotMeasure:
        return "not installed"
    every, at_once, found, compiled = map(int, _said(PYTHON, "-IS", "-c", _TELL, launcher).split())
    return (f"{every} modules at the start, {at_once} at once from the pack, {found} found in it,"
            f" {every - at_once - found - compiled} from .pyc files, {compiled} compiled each time")


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
