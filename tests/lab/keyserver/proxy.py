"""A way to a client that breaks at a chosen moment, between its change and its answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from tests.lab.sshd import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Proxy:
    """Forwards connections to PORT; ends one before it forwards an answer once IS_TIME says so."""

    def __init__(self, port: int, is_time: Callable[[], bool]) -> None:
        self._target = port
        self._is_time = is_time
        self._listener = socket.create_server((ADDRESS, 0))
        self.port: int = self._listener.getsockname()[1]
        self.broken = 0

    def serve(self) -> None:
        """Forward until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection((ADDRESS, self._target))
                threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self._is_time():
                    self.broken += 1
                    break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def breaking(port: int, is_time: Callable[[], bool]) -> Iterator[Proxy]:
    """Give a proxy to PORT."""
    proxy = Proxy(port, is_time)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
