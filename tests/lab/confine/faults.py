"""System calls made to fail, by a filter of the test's own under the one that is tested."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from bpc_ssh_guard.confine import kernel, seccomp, syscalls

if TYPE_CHECKING:
    from collections.abc import Sequence

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000


def forbid(calls: Sequence[str]) -> None:
    """Make each of CALLS fail, written name, name:FIRST-ARGUMENT or name=ERRNO; EPERM by default.

    As root, who needs no no_new_privs for a filter: that step is one that may be made to fail.
    """
    code = b"".join(_fault(call) for call in calls) + _op(RETURN, ALLOW)
    seccomp.install(code)


def _fault(call: str) -> bytes:
    call, _, error = call.partition("=")
    name, _, first = call.partition(":")
    number = syscalls.numbers(kernel.MACHINE)[name] or 0
    answer = _op(RETURN, ERROR | (getattr(errno, error) if error else errno.EPERM))
    if first:
        test = _op(LOAD, 16) + _op(EQUAL, int(first), 0, 1)
        return _op(LOAD, 0) + _op(EQUAL, number, 0, 3) + test + answer
    return _op(LOAD, 0) + _op(EQUAL, number, 0, 1) + answer


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return (code | if_true << 16 | if_false << 24 | value << 32).to_bytes(8, "little")
