"""What the kernel says of one running process: its limits and the TCP ports it listens on."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import Optional

from ...backuppc.undecided import Undecided

MOST_BYTES = 16 * 1024 * 1024  # of a table in /proc/net: a hundred thousand connections
_LISTENING = "0A"  # TCP_LISTEN (include/net/tcp_states.h)
_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")
_OPEN_FILES = re.compile(r"^Max open files\s+(\d+|unlimited)\s", re.MULTILINE)
_INODE = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True)
class Listener:
    """One listening TCP socket; UID is that of the process that made it."""

    port: int
    uid: int
    inode: int
    is_loopback: bool


def listeners(pid: str = "self") -> list[Listener]:
    """Return who listens in the network namespace of PID; raise Undecided."""
    lines = [line for name in ("tcp", "tcp6") for line in _lines(f"/proc/{pid}/net/{name}")]
    found = (_listener(line.split()) for line in lines)
    return [each for each in found if each is not None]


def own_listeners(pid: int) -> list[Listener]:
    """Return those of them that PID itself holds open; raise Undecided."""
    held = _sockets(pid)
    return [each for each in listeners(str(pid)) if each.inode in held]


def same_network(pid: int) -> bool:
    """Return whether PID lives in our own network namespace; raise Undecided."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError as error:
        raise _undecided(f"/proc/{pid}/ns/net", error) from None


def descriptor_limit(pid: int) -> Optional[int]:
    """Return how many files PID may have open, None for any number; raise Undecided."""
    path = f"/proc/{pid}/limits"
    found = _OPEN_FILES.search("\n".join(_lines(path)))
    if found is None:
        raise Undecided(path, "names no limit of open files")
    return None if found[1] == "unlimited" else int(found[1])


def _listener(fields: list[str]) -> Optional[Listener]:
    """Return what a line of /proc/net/tcp holds: sl local remote state ... uid ... inode."""
    if len(fields) < 10 or fields[3] != _LISTENING:
        return None
    address, port = fields[1].split(":")
    return Listener(int(port, 16), int(fields[7]), int(fields[9]),
                    _LOOPBACK.fullmatch(address) is not None)


def _sockets(pid: int) -> frozenset[int]:
    folder = f"/proc/{pid}/fd"
    found = set()
    try:
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except FileNotFoundError:  # closed meanwhile
                continue
            inode = _INODE.fullmatch(target)
            if inode is not None:
                found.add(int(inode[1]))
    except OSError as error:
        raise _undecided(folder, error) from None
    return frozenset(found)


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Undecided(path, "not a regular file")
            return file.read(MOST_BYTES).decode("ascii", "replace").split("\n")
    except FileNotFoundError:  # no IPv6, or no such process
        return []
    except OSError as error:
        raise _undecided(path, error) from None


def _undecided(path: str, error: OSError) -> Undecided:
    return Undecided(path, error.strerror or "can't be read")
