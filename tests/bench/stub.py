"""The program that the timed guards start: it exits at once, with a status no guard gives itself.

An allowed run that ends with EXECUTED has executed it; a guard that only pretends can't pass. The
bytes of the real program follow its own and are never loaded: a guard that looks into the file to
know what its rsync can do has the same work as ever.
"""

from __future__ import annotations

import os
import struct

EXECUTED = 42

# exit(EXECUTED), by machine: ELF's number of it and the instructions.
_CODE = {
    # mov edi, 42; mov eax, 60; syscall
    "x86_64": (62, bytes.fromhex("bf2a000000b83c0000000f05")),
    # mov x0, #42; mov x8, #93; svc #0
    "aarch64": (183, bytes.fromhex("400580d2a80b80d2010000d4")),
}
_SCRIPT = b"#!/bin/sh\nexit %d\n" % EXECUTED  # the shell reads no further
_LOAD_ADDRESS = 0x400000


def write(path: str, real: str) -> None:
    """Write to PATH, in place of REAL, a static executable, or a script where none is known."""
    known = _CODE.get(os.uname().machine)
    with open(real, "rb") as program, open(path, "wb") as file:
        file.write(_static_executable(*known) if known else _SCRIPT)
        file.write(program.read())
    os.chmod(path, 0o755)


def _static_executable(machine: int, code: bytes) -> bytes:
    """Return the smallest ELF file that runs CODE: header, one segment, the code (elf(5))."""
    headers = 64 + 56
    size = headers + len(code)
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bit, little-endian, version 1
    header = struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, _LOAD_ADDRESS + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack(
        "<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x10000
    )
    return identity + header + segment + code
