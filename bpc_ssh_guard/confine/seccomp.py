"""The system call filter: one execve, no sockets, no way around what confines the file system."""

from __future__ import annotations

import errno

from . import kernel, tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_SET_MODE_FILTER: Final = 1
_INSTRUCTION: Final = 8  # bytes
_HALF: Final = 0xFFFFFFFF


def program(machine: str, path_address: int, read_only: bool, setuid: bool = False) -> bytes:
    """Return the filter for MACHINE.

    The one execve allowed is that of the path at PATH_ADDRESS: the program that runs then has other
    memory. READ_ONLY forbids every change; without SETUID no file gets a set-user-id bit by chmod.
    """
    template = bytes.fromhex(tables.FILTERS[machine, read_only, setuid and not read_only])
    for shift in (0, 32):  # a comparison takes 32 bits, the last four bytes of an instruction
        known = (tables.PLACEHOLDER >> shift & _HALF).to_bytes(4, "little")
        wanted = (path_address >> shift & _HALF).to_bytes(4, "little")
        template = template.replace(known, wanted)
    return template


def install(code: bytes) -> None:
    """Put this process and its children under the filter CODE for good; needs no_new_privs."""
    instructions = kernel.Buffer(code)
    length = len(code) // _INSTRUCTION
    kernel.call("seccomp", _SET_MODE_FILTER, 0, kernel.words(length, instructions.address))


def is_known(machine: str) -> bool:
    """Tell whether there is a filter for MACHINE."""
    return machine in tables.NUMBERS


def is_available() -> bool:
    """Tell whether the kernel would take a filter: without one it complains of the address."""
    try:
        kernel.call("seccomp", _SET_MODE_FILTER, 0, None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return False
