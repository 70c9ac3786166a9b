"""What rsync and tar need of the system besides their data: themselves, libraries, a few files."""

from __future__ import annotations

import os

from .kernel import MACHINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final, Optional

# Where distributions keep libraries: Debian's folder of the machine, else Fedora's and SUSE's, else
# one for all. The second of a pair is the place of C's own library before /lib became a link.
_LIBRARIES: Final = (
    (b"/usr/lib/%s-linux-gnu", b"/lib/%s-linux-gnu"),
    (b"/usr/lib64", b"/lib64"),
    (b"/usr/lib", b"/lib"),
)
# Locales, and time zones for the dates of tar --newer.
_FOLDERS: Final = (b"/usr/lib/locale", b"/usr/share/locale", b"/usr/share/zoneinfo")
# Names of owners, local time, and what OpenSSL (rsync's checksums) and libselinux (tar) look up.
_FILES: Final = (
    b"/etc/ld.so.cache",
    b"/etc/nsswitch.conf",
    b"/etc/passwd",
    b"/etc/group",
    b"/etc/localtime",
    b"/etc/ssl/openssl.cnf",
    b"/proc/sys/crypto/fips_enabled",
    b"/proc/filesystems",
)
RANDOM: Final = b"/dev/urandom"
NULL: Final = b"/dev/null"
DEVICES: Final = (NULL, RANDOM)

_ELF_64_LITTLE: Final = b"\x7fELF\x02\x01"
_PT_INTERP: Final = 3
_HEADERS: Final = 4096  # program headers follow the ELF header; both fit in the first page


def programs(program: bytes) -> Iterator[bytes]:
    """Yield what the kernel executes: PROGRAM, and the interpreter that its ELF header names."""
    yield program
    interpreter = interpreter_of(program)
    if interpreter is not None:
        yield interpreter


def readable() -> Iterator[bytes]:
    """Yield the folders and files to be read; what is missing here is not needed here."""
    machine = MACHINE.encode("ascii")
    for pair in _LIBRARIES:
        folders = [each % machine if b"%" in each else each for each in pair]
        if os.path.isdir(folders[0]):
            yield from folders
            break
    yield from _FOLDERS
    yield from _FILES
    yield RANDOM


def interpreter_of(program: bytes) -> Optional[bytes]:
    """Return the path in PT_INTERP (elf(5)) of PROGRAM; None if static, no ELF file or unreadable.

    Only the machine's own form is read: 64 bits, little-endian.
    """
    try:
        with open(program, "rb", buffering=0) as file:
            where = _interpreter_range(file.read(_HEADERS))
            if where is None:
                return None
            offset, size = where
            return os.pread(file.fileno(), size, offset).rstrip(b"\0")
    except OSError:
        return None


def _interpreter_range(image: bytes) -> Optional[tuple[int, int]]:
    """Return offset and size of the interpreter's path in the file that begins with IMAGE."""
    if not image.startswith(_ELF_64_LITTLE):
        return None
    first, size, count = _number(image, 32, 8), _number(image, 54, 2), _number(image, 56, 2)
    for start in range(first, first + size * count, size or 1):
        if _number(image, start, 4) == _PT_INTERP:
            length = _number(image, start + 32, 8)
            return (_number(image, start + 8, 8), length) if 0 < length < _HEADERS else None
    return None


def _number(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "little")
