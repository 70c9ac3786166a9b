"""One ssh connection to a client with the audit key: requests of bpc-log/1 and their answers.

Host keys come from a file and nowhere else: an unknown or a changed one is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from .inventory import Host

CONNECT_SECONDS: Final = 10.0
STEP_SECONDS: Final = 30.0
ANSWER_LIMIT: Final = 64 * 1024  # bytes of one line of JSON
PIECE: Final = 256 * 1024
# What paramiko still offers and nobody should take.
_WEAK: Final = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"],
}


class Unreachable(Exception):
    """The host could not be asked; the text says why."""


class Refused(Exception):
    """The host answered no; the text has its error and message."""


class Connection:
    """An open connection to HOST; use it in a with statement. Raises Unreachable."""

    def __init__(self, host: Host) -> None:
        import paramiko  # half a second of imports, for this command alone

        self._client: Final = paramiko.SSHClient()
        try:
            self._client.load_host_keys(host.known_hosts)
            self._client.set_missing_host_key_policy(paramiko.RejectPolicy())
            self._client.connect(
                host.address, host.port, host.user, key_filename=host.key,
                timeout=CONNECT_SECONDS, banner_timeout=CONNECT_SECONDS,
                auth_timeout=CONNECT_SECONDS, allow_agent=False, look_for_keys=False,
                disabled_algorithms=_WEAK,
            )
        except (OSError, paramiko.SSHException, EOFError) as error:
            self._client.close()
            raise Unreachable(f"{type(error).__name__}: {error}") from None

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def checkpoint(self, nonce: bytes) -> dict[str, Any]:
        """Return the answer to a request for a checkpoint; raises Unreachable and Refused."""
        received = b"".join(self._ask(f"bpc-log/1 checkpoint {nonce.hex()}", ANSWER_LIMIT))
        return _answer(received)

    def export(self, first: int, file: BinaryIO, limit: int) -> int:
        """Write the lines from record FIRST on to FILE, LIMIT bytes at most; return their bytes."""
        size = 0
        for piece in self._ask(f"bpc-log/1 export {first}", limit):
            if size == 0 and piece.startswith(b'{"v":1,"ok":false'):
                _answer(piece)
            file.write(piece)
            size += len(piece)
        return size

    def _ask(self, command: str, limit: int) -> Iterator[bytes]:
        import paramiko

        size = 0
        try:
            transport = self._client.get_transport()
            if transport is None:
                raise Unreachable("the connection is gone")
            channel = transport.open_session(timeout=STEP_SECONDS)
            channel.settimeout(STEP_SECONDS)
            channel.exec_command(command)
            while size < limit and (piece := channel.recv(PIECE)):
                yield piece
                size += len(piece)
            channel.close()
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from None


def _answer(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refused("no answer of bpc-log/1: is the key's block Audit?")
    if answer.get("ok") is not True:
        raise Refused(f"{answer.get('error')}: {answer.get('message')}")
    return answer
