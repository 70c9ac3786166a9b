"""System calls by name: each is checked, and one that fails raises OSError that names it.

All go through syscall(2) of the C library. Only the C half of ctypes is imported: the Python half
and struct cost 1.7 ms of CPU more. It is no stable interface, hence the public one as a fallback.
"""

from __future__ import annotations

import errno
import os
import sys

from . import tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final, Union

    Argument = Union[int, bytes, None]

try:
    from _ctypes import (
        FUNCFLAG_CDECL,
        FUNCFLAG_USE_ERRNO,
        CFuncPtr,
        _SimpleCData,
        addressof,
        dlopen,
        dlsym,
        get_errno,
    )
except ImportError:
    from ctypes import CDLL, addressof, c_char, c_char_p, c_void_p, get_errno

    _Byte: Any = c_char
    _Pointer: Any = c_char_p
    _Word: Any = c_void_p
    _syscall: Any = CDLL(None, use_errno=True).syscall
else:
    _Byte = type("c_char", (_SimpleCData,), {"_type_": "c"})
    _Pointer = type("c_char_p", (_SimpleCData,), {"_type_": "z"})  # b"…", ended by a NUL, or None
    _Word = type("c_void_p", (_SimpleCData,), {"_type_": "P"})  # an integer, bytes or None
    _CALL: Final = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _program = dlopen(None, 0)  # type: ignore[arg-type]  # None: this process and its libraries
    _syscall = type("_Call", (CFuncPtr,), {"_flags_": _CALL})(dlsym(_program, "syscall"))

_syscall.argtypes = (_Word,) * 7
# The result is an int, as no call made here returns more: 0, a descriptor, a version or -1.

# A 32-bit Python on a 64-bit kernel makes other calls than uname(2) tells.
MACHINE: Final = os.uname().machine if sys.maxsize > 1 << 32 else "32-bit"
NUMBERS: Final[Mapping[str, int]] = tables.NUMBERS.get(MACHINE, {})
AT_FDCWD: Final = -100
AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000


class Buffer:
    """Memory that stays where it is, for the kernel to read or write."""

    __slots__ = ("_array", "address")

    def __init__(self, data: bytes) -> None:
        self._array: Final = (_Byte * len(data))()
        self._array.raw = data
        self.address: Final[int] = addressof(self._array)

    @property
    def data(self) -> bytes:
        """Return the bytes that are there now."""
        raw: bytes = self._array.raw
        return raw


class Vector:
    """Pointers to words with a null one after the last, as execve(2) wants them."""

    __slots__ = ("_array", "address")

    def __init__(self, words: Sequence[bytes]) -> None:
        self._array: Final = (_Pointer * (len(words) + 1))(*words, None)
        self.address: Final[int] = addressof(self._array)


def call(
    name: str,
    first: Argument = 0,
    second: Argument = 0,
    third: Argument = 0,
    fourth: Argument = 0,
    fifth: Argument = 0,
    sixth: Argument = 0,
) -> int:
    """Make the system call NAME and return its result, never negative; raises OSError.

    An integer is passed as a long, bytes as a pointer to them and the NUL after them.
    """
    number = NUMBERS.get(name)
    if number is None:
        raise OSError(errno.ENOSYS, f"{name}: {os.strerror(errno.ENOSYS)}")
    result: int = _syscall(number, first, second, third, fourth, fifth, sixth)
    if result < 0:
        code = get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def words(*values: int, size: int = 8) -> bytes:
    """Return VALUES as the kernel's structures hold them: little-endian, SIZE bytes each."""
    return b"".join([value.to_bytes(size, "little") for value in values])
