"""One ssh connection to a client with the audit key: requests of bpc-log/1 and their answers.

Host keys come from a file and nowhere else: an unknown or a changed one is refused.
"""

from __future__ import annotations

import io
import json
import logging
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Optional

if TYPE_CHECKING:
    from types import TracebackType

    from .inventory import Host

CONNECT_SECONDS: Final = 10.0
STEP_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 900.0  # a client that drips may not hold a worker for ever
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

        # It prints the traceback of a failed handshake; what failed is told by our own words.
        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        self._client: Final = paramiko.SSHClient()
        try:
            with open(host.known_hosts, "rb"):  # a missing file is no trouble of the network
                pass
        except OSError as error:
            raise ValueError(f"{host.known_hosts}: {error.strerror}; write the host's key there")\
                from None
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
        answered = io.BytesIO()
        self._ask(f"bpc-log/1 checkpoint {nonce.hex()}", answered, ANSWER_LIMIT)
        return _answer(answered.getvalue())

    def export(self, first: int, file: BinaryIO, limit: int) -> int:
        """Write the lines from record FIRST on to FILE, opened anew; return their bytes.

        No more than LIMIT of them: then their end is cut off. Raises Unreachable and Refused.
        """
        beginning = io.BytesIO()
        size, status = self._ask(f"bpc-log/1 export {first}", file, limit, beginning)
        if status != 0:
            _answer(beginning.getvalue())  # says why, as a rule
            raise Refused(f"the export ended with status {status}")
        return size

    def _ask(
        self, command: str, file: BinaryIO, limit: int, beginning: Optional[BinaryIO] = None
    ) -> tuple[int, int]:
        """Run COMMAND and write what it says to FILE, at most LIMIT bytes; its first piece, too,
        to BEGINNING. Return the bytes and the exit status, 0 where the limit ended it.
        """
        import paramiko

        size, deadline = 0, time.monotonic() + ANSWER_SECONDS
        try:
            transport = self._client.get_transport()
            if transport is None:
                raise Unreachable("the connection is gone")
            with transport.open_session(timeout=STEP_SECONDS) as channel:
                channel.settimeout(STEP_SECONDS)
                channel.exec_command(command)
                while size < limit and (piece := channel.recv(min(PIECE, limit - size))):
                    file.write(piece)
                    size += len(piece)
                    if beginning is not None and beginning.tell() < ANSWER_LIMIT:
                        beginning.write(piece)
                    if time.monotonic() > deadline:
                        raise Unreachable(f"it took longer than {ANSWER_SECONDS:.0f} s to answer")
                if size >= limit:
                    return size, 0
                if not channel.status_event.wait(STEP_SECONDS):
                    raise Unreachable("the command told no exit status")
                return size, channel.exit_status
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from None


def _answer(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("v") != 1:
        raise Refused("no answer of bpc-log/1: is the key's block Audit?")
    if answer.get("ok") is not True:
        raise Refused(f"{answer.get('error')}: {answer.get('message')}")
    return answer
