"""Addresses of `From`: single ones and networks, compared with the peer of the connection."""

from __future__ import annotations

from ..lean import AF_INET, AF_INET6, inet_pton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, Optional


class Network:
    """An address with a prefix length; a single address has all its bits."""

    __slots__ = ("_bits", "_family", "_value", "text")
    text: Final[str]

    def __init__(self, text: str, family: int, value: int, bits: int) -> None:
        self.text = text
        self._family = family
        self._value = value
        self._bits = bits

    def __contains__(self, address: str) -> bool:
        family, value, width = _number(address)
        shift = width - self._bits
        return family == self._family and value >> shift == self._value >> shift

    def pattern(self) -> str:
        """Return the network as sshd takes it: of IPv4 where it is that, in IPv6 or not."""
        _, slash, bits = self.text.partition("/")
        if self._family != AF_INET or ":" not in self.text:
            return self.text
        return ".".join(map(str, self._value.to_bytes(4, "big"))) + slash + bits


def network(text: str) -> Network:
    """Return the network that TEXT writes as ADDRESS or ADDRESS/BITS; raises ValueError."""
    address, slash, bits = text.partition("/")
    family, value, width = _number(address)
    if not slash:
        return Network(text, family, value, width)
    if not (bits.isascii() and bits.isdigit()) or int(bits) > width or bits != str(int(bits)):
        raise ValueError(f"{text} has no prefix length between 0 and {width}")
    if value & ((1 << (width - int(bits))) - 1):
        raise ValueError(f"{text} has bits set behind its prefix length")
    return Network(text, family, value, int(bits))


def patterns(networks: Iterable[Network]) -> tuple[bytes, ...]:
    """Return NETWORKS as the patterns of `from=` that sshd matches.

    To sshd a peer by IPv4 over IPv6 is one of IPv4, and ::ffff:192.0.2.7 in from= matches nobody
    (tried with 9.2).
    """
    return tuple(each.pattern().encode("ascii") for each in networks)


def admits(networks: Iterable[Network], peer: Optional[str]) -> bool:
    """Tell whether PEER lies in one of NETWORKS; a peer that is not known lies in none."""
    try:
        return peer is not None and any(peer in each for each in networks)
    except ValueError:
        return False


def _number(address: str) -> tuple[int, int, int]:
    """Return family, value and width in bits; IPv4 mapped into IPv6 is IPv4."""
    family = AF_INET6 if ":" in address else AF_INET
    try:
        packed = inet_pton(family, address)
    except (OSError, ValueError):
        raise ValueError(f"{address} is no address") from None
    if len(packed) == 16 and packed.startswith(bytes(10) + b"\xff\xff"):
        family, packed = AF_INET, packed[12:]
    return family, int.from_bytes(packed, "big"), 8 * len(packed)
