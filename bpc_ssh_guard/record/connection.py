"""Who is connected to whom, from SSH_CONNECTION: all four parts as sshd writes them, or nothing."""

from __future__ import annotations

from ..lean import AF_INET, AF_INET6, inet_pton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

_INTERFACE_NAME: Final = (
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
)


class Connection:
    """The two ends of the ssh connection."""

    __slots__ = ("destination", "destination_port", "source", "source_port")
    source: Final[str]
    source_port: Final[int]
    destination: Final[str]
    destination_port: Final[int]

    def __init__(
        self, source: str, source_port: int, destination: str, destination_port: int
    ) -> None:
        self.source = source
        self.source_port = source_port
        self.destination = destination
        self.destination_port = destination_port

    @classmethod
    def from_words(cls, value: Optional[bytes]) -> Optional[Connection]:
        """Return what VALUE, "address port address port", says; None unless all of it is valid."""
        words = (value or b"").split(b" ")
        if len(words) != 4:
            return None
        source, destination = _address(words[0]), _address(words[2])
        source_port, destination_port = _port(words[1]), _port(words[3])
        if not (source and source_port and destination and destination_port):
            return None
        return cls(source, source_port, destination, destination_port)


def _address(word: bytes) -> Optional[str]:
    """Return the address in WORD, or None.

    sshd writes a link-local peer as `fe80::1%eth0`; ECS has no place for the interface.
    """
    address, mark, interface = word.partition(b"%")
    family = AF_INET6 if b":" in address else AF_INET
    if mark and (family == AF_INET or not interface or interface.strip(_INTERFACE_NAME)):
        return None
    try:
        plain = address.decode("ascii")
        inet_pton(family, plain)
    except (OSError, ValueError):
        return None
    return plain


def _port(word: bytes) -> Optional[int]:
    if not word.isdigit() or word.startswith(b"0") or len(word) > len("65535"):
        return None
    port = int(word)
    return port if port <= 65535 else None
