"""Asks BackupPC's server socket the one question that changes nothing, once for each secret."""

from __future__ import annotations

import base64
import contextlib
import enum
import hashlib
import re
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every other verb (log, stop, backup, delete, server ...) changes the server's state.
QUESTION: Final = b"status queueLen"
TIME_LIMIT: Final = 5.0  # seconds for one connection: the daemon asks DNS for the peer's name
MOST_BYTES: Final = 4096  # of a greeting or an answer; real ones have less than 100
LOG_NOTE: Final = 'a line "Corrupted message" of this moment in BackupPC\'s LOG is this probe\'s'

_GREETING = re.compile(rb"([0-9]{1,19}),([0-9]{1,19}),([0-9]{1,10}),([0-9]{1,5})\n")
_QUEUE = rb'"(?:Cmd|Bg|User)Queue" => [0-9]{1,10}'
_ANSWER = re.compile(rb"%%QueueLen = \(%b,%b,%b\);\n" % (_QUEUE, _QUEUE, _QUEUE))
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


class NoServer(Exception):
    """Nobody answers there, or not as BackupPC does; the text says what came instead."""


class Reply(enum.Enum):
    """What the server made of one secret."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # it closed the connection without an answer


@dataclass(frozen=True)
class Greeting:
    """The server's first line: SEED is all its bytes; PORT is ours, 0 on the unix one."""

    seed: bytes
    pid: int
    port: int


@dataclass(frozen=True)
class Peer:
    """The process that listens on a unix socket, as the kernel knows it."""

    pid: int
    uid: int


class Connection:
    """One connection to the server, with one time limit for all that is said on it."""

    def __init__(self, end: socket.socket, limit: float) -> None:
        self._end = end
        self._until = time.monotonic() + limit

    def greeting(self) -> Greeting:
        """Return the server's first line; raise NoServer."""
        line = self._line()
        found = _GREETING.fullmatch(line)
        if found is None:
            raise NoServer("the first line is not BackupPC's" if line else "closed at once")
        return Greeting(line, int(found[3]), int(found[4]))

    def ask(self, greeting: Greeting, secret: bytes) -> Reply:
        """Send the question under SECRET, the first message after GREETING; raise NoServer."""
        self._end.settimeout(self._left())
        with _trouble_told():
            self._end.sendall(digest(greeting.seed, 0, secret, QUESTION) + b" " + QUESTION + b"\n")
        line = self._line()
        if not line:
            return Reply.REFUSED
        if _ANSWER.fullmatch(line) is None:
            raise NoServer("the answer is not BackupPC's")
        return Reply.ACCEPTED

    def peer(self) -> Peer:
        """Return who listens at the other end, for a unix socket."""
        raw = self._end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        return Peer(pid, uid)

    def own_port(self) -> int:
        """Return the port of our own end, for TCP."""
        port: int = self._end.getsockname()[1]
        return port

    def _line(self) -> bytes:
        """Return one line with its end, b"" where the peer closed instead; raise NoServer."""
        line = b""
        while not line.endswith(b"\n"):
            if len(line) >= MOST_BYTES:
                raise NoServer(f"more than {MOST_BYTES} bytes without an end of line")
            self._end.settimeout(self._left())
            try:
                more = self._end.recv(MOST_BYTES - len(line))
            except ConnectionResetError:  # it closed with our question unread
                more = b""
            except OSError as error:
                raise NoServer(_told(error)) from None
            if not more and line:
                raise NoServer("closed in the middle of a line")
            if not more:
                break
            line += more
        return line

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoServer("no answer in time")
        return left


@contextlib.contextmanager
def unix(place: int, limit: float = TIME_LIMIT) -> Iterator[Connection]:
    """Connect to the unix socket whose O_PATH descriptor PLACE is; raise NoServer.

    By its descriptor, nobody can put another socket there, and no path is too long.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        yield _connected(end, f"/proc/self/fd/{place}", limit)


@contextlib.contextmanager
def tcp(port: int) -> Iterator[Connection]:
    """Connect to PORT of this machine's loopback; raise NoServer."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
        yield _connected(end, ("127.0.0.1", port), TIME_LIMIT)


def digest(seed: bytes, counter: int, secret: bytes, message: bytes) -> bytes:
    """Return what BackupPC wants before MESSAGE, the COUNTER-th from 0 of a connection (Lib.pm)."""
    md5 = hashlib.md5(seed + b"%d" % counter + secret + message, usedforsecurity=False)
    return base64.b64encode(md5.digest())[:22]


def _connected(
    end: socket.socket, address: str | tuple[str, int], limit: float
) -> Connection:
    end.settimeout(limit)
    with _trouble_told():
        end.connect(address)
    return Connection(end, limit)


@contextlib.contextmanager
def _trouble_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoServer(_told(error)) from None


def _told(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or "can't be reached"
