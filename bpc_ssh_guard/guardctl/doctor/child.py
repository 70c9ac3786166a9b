"""A process that enters the confinement, attempts what it should not be able to, and tells.

Its answers come over a pipe, a line for each as soon as it is known: one that dies is missed.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS: Final = 10  # a child that hangs ends by itself, with SIGALRM
SHELL: Final = b"/bin/sh"

_UMASK: Final = 0o077
_SHELL_RAN: Final = 42
_ENTER: Final = "enter"


@dataclass(frozen=True)
class Answers:
    """The errors of the attempts, 0 for none, None for one that the child did not get to.

    `refusal` is why the confinement could not be entered, "" when it was; `end` how the child did.
    """

    refusal: str
    errors: tuple[Optional[int], ...]
    end: str


def run_shell() -> None:
    """Turn this process into a shell; raises OSError. The last of the attempts, if of any."""
    os.execve(SHELL, [b"sh", b"-c", b"exit %d" % _SHELL_RAN], {})  # noqa: S606  # no shell is told anything


def ask(enter: Callable[[], None], attempts: Sequence[Callable[[], object]]) -> Answers:
    """Return what happens to ATTEMPTS in a child after ENTER; each returns or raises OSError."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _answer(writing, enter, attempts)
        finally:  # whatever was raised: the copy of the caller ends here
            os._exit(1)
    os.close(writing)
    try:
        with open(reading, encoding="utf-8", errors="replace") as lines:
            told = dict(line.rstrip("\n").split("\t", 1) for line in lines)
    finally:  # an interrupted caller takes back what the child left: nothing may come after
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return _answers(told, len(attempts), status)


def _answer(
    writing: int, enter: Callable[[], None], attempts: Sequence[Callable[[], object]]
) -> None:
    """Write the answers and end the process. Nothing may be imported after ENTER."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    os.chdir("/")
    os.umask(_UMASK)
    try:
        enter()
    except OSError as error:
        os.write(writing, f"{_ENTER}\t{error.strerror or error}\n".encode())
        os._exit(0)
    os.write(writing, f"{_ENTER}\t\n".encode())
    for number, attempt in enumerate(attempts):
        code = 0
        try:
            attempt()
        except OSError as error:
            code = error.errno or -1
        os.write(writing, f"{number}\t{code}\n".encode())
    os._exit(0)


def _answers(told: dict[str, str], count: int, status: int) -> Answers:
    errors = [int(told[str(at)]) if str(at) in told else None for at in range(count)]
    if status == _SHELL_RAN and None in errors:
        errors[errors.index(None)] = 0
    end = f"signal {-status}" if status < 0 else f"status {status}"
    end = f"the child ended with {end}"
    return Answers(told.get(_ENTER, end), tuple(errors), end)
