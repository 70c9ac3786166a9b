"""The running BackupPC server: found at its unix socket, asked once, and looked up in /proc."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ...backuppc.undecided import Undecided
from . import process, socket
from .socket import NoServer, Reply

if TYPE_CHECKING:
    from ...backuppc.disk import Disk
    from .socket import Connection, Peer


@dataclass(frozen=True)
class Daemon:
    """What a running server shows: its process, its TCP ports, the secrets that it takes.

    `empty` is its reply to the empty secret, `configured` to that of the file; None where the
    file's is empty or not known. `asked_by_tcp` is the port that the empty one was tried at.
    """

    pid: int
    ports: tuple[int, ...]
    empty: Reply
    configured: Optional[Reply]
    asked_by_tcp: Optional[int]

    @property
    def takes_the_files_secret(self) -> Optional[bool]:
        """Return whether the file's secret is the one in use; None where it is not known."""
        return None if self.configured is None else self.configured == Reply.ACCEPTED


def examine(
    disk: Disk, path: str, trusted: frozenset[int], secret: Optional[bytes]
) -> Daemon:
    """Return the server behind the unix socket PATH, which must run as one of TRUSTED (uids).

    SECRET is the configured one, None where it is not known. It is told to no other process: the
    kernel says who listens, and only then is a digest made of it. At most two connections are
    made. Raise Undecided.
    """
    try:
        return _examine(disk, path, trusted, secret)
    except FileNotFoundError:
        raise Undecided(path, "is not there: the server doesn't run") from None
    except NoServer as error:
        raise Undecided(path, f"no BackupPC server answers: {error}") from None


def _examine(
    disk: Disk, path: str, trusted: frozenset[int], secret: Optional[bytes]
) -> Daemon:
    with disk.handle(path) as place:
        if not stat.S_ISSOCK(os.fstat(place).st_mode):
            raise Undecided(path, "is no socket")
        with socket.unix(place) as connection:
            peer = connection.peer()
            _require_trusted(path, peer, trusted)
            ports = tuple(sorted({each.port for each in process.own_listeners(peer.pid)}))
            by_tcp = next(iter(ports), None) if process.same_network(peer.pid) else None
            if by_tcp is None:
                empty = connection.ask(connection.greeting(), b"")
                configured = None
            else:  # the same question at the open port, where it counts
                empty = _ask_by_tcp(by_tcp)
                configured = _ask(connection, secret)
        if by_tcp is None and secret:
            with socket.unix(place) as connection:
                _require_trusted(path, connection.peer(), trusted)
                configured = _ask(connection, secret)
    return Daemon(peer.pid, ports, empty, configured, by_tcp)


def _ask(connection: Connection, secret: Optional[bytes]) -> Optional[Reply]:
    return connection.ask(connection.greeting(), secret) if secret else None


def _ask_by_tcp(port: int) -> Reply:
    """Try the empty secret at PORT; it gives nothing away to whoever listens there."""
    with socket.tcp(port) as connection:
        greeting = connection.greeting()
        if greeting.port != connection.own_port():
            raise NoServer(f"what listens on port {port} doesn't greet as BackupPC does")
        return connection.ask(greeting, b"")


def _require_trusted(path: str, peer: Peer, trusted: frozenset[int]) -> None:
    if peer.uid not in trusted:
        raise Undecided(path, f"is served by uid {peer.uid}, which is not BackupPC's account")
