"""The Python that a launcher names: trusted and recent enough, and run to prepare its modules."""

from __future__ import annotations

import subprocess
from typing import Final

from ..closed import Open, require_closed, trusted_accounts
from .clientpart import (
    DEFAULT_INTERPRETER,
    ISOLATED,
    OLDEST_PYTHON,
    first_line,
    python_needed,
)
from .place import InstallError, is_plain_path

_FIRST_LINE_LIMIT: Final = 127  # Linux before 5.1 cuts a longer one off (execve(2))
# Before Python 3.11 the order of a set in a .pyc depends on the hash seed.
_ENVIRONMENT: Final = {"LC_ALL": "C", "PYTHONHASHSEED": "0"}
_PROBE: Final = f"""
import sys
print(sys.version_info >= {OLDEST_PYTHON}, sys.implementation.cache_tag)
"""


def require_interpreter(interpreter: str) -> str:
    """Return INTERPRETER's tag in names of .pyc files; refuse one unsafe to name or too old."""
    if not interpreter or not is_plain_path(interpreter):
        raise InstallError(f"{interpreter!a}: not an absolute path of plain characters;"
                           f" name an interpreter such as {DEFAULT_INTERPRETER}")
    if len(first_line(interpreter)) > _FIRST_LINE_LIMIT:
        raise InstallError(f"{interpreter}: too long for the first line of a script")
    try:
        require_closed(interpreter, trusted_accounts())
    except Open as problem:
        raise InstallError(str(problem)) from None
    recent, _, tag = run(interpreter, ISOLATED, "-c", _PROBE).strip().partition(" ")
    if recent != "True":
        raise InstallError(f"{interpreter}: {python_needed()}")
    return tag


def run(interpreter: str, *arguments: str, keep_open: tuple[int, ...] = ()) -> str:
    """Run INTERPRETER with nothing of our environment; return its output."""
    done = subprocess.run(
        [interpreter, *arguments], cwd="/", env=_ENVIRONMENT, pass_fds=keep_open,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="backslashreplace", check=False,
    )
    if done.returncode:
        raise InstallError(f"{interpreter}: can't run the programs: {done.stdout.strip()}")
    return done.stdout
