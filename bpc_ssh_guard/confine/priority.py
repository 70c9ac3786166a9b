"""The I/O class and level of a process, which Python has no call for (ioprio_set(2))."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# ioprio_set by machine (Linux, arch/*/entry/syscalls and include/uapi/asm-generic/unistd.h).
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
_WHO_PROCESS: Final = 1
_CLASS_SHIFT: Final = 13


def set_io(io_class: int, level: int) -> None:
    """Give this process IO_CLASS 2 (best effort) or 3 (idle) and LEVEL 0 to 7; raises OSError."""
    import ctypes  # 3 ms of CPU: imported only where it is asked for

    machine = os.uname().machine
    if machine not in _IOPRIO_SET:
        raise OSError(38, f"ioprio_set on {machine} is not known")  # ENOSYS
    libc = ctypes.CDLL(None, use_errno=True)
    priority = io_class << _CLASS_SHIFT | (level if io_class == 2 else 0)
    number = ctypes.c_long(_IOPRIO_SET[machine])
    if libc.syscall(number, ctypes.c_int(_WHO_PROCESS), ctypes.c_int(0), ctypes.c_int(priority)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
