"""What the header of a private key tells without its passphrase: type, size, fingerprint."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from dataclasses import dataclass
from typing import Final, Optional

from ...authorized_keys.line import fingerprint, parse

MOST: Final = 64 * 1024  # bytes; RSA of 16384 bits takes 13 kB
_MAGIC: Final = b"openssh-key-v1\0"  # PROTOCOL.key of OpenSSH
_PEM: Final = re.compile(
    rb"-----BEGIN ((?:[A-Z]+ )*)PRIVATE KEY-----\r?\n(.*?)-----END ", re.DOTALL)
_HEADER: Final = re.compile(rb"^[A-Za-z0-9-]+:.*\n|^\r?\n", re.MULTILINE)
_OLD_NAMES: Final = {b"RSA ": "ssh-rsa", b"DSA ": "ssh-dss", b"EC ": "ecdsa"}


@dataclass(frozen=True)
class PrivateKey:
    """A private key. `blob` is the public half, None where only the .pub file would tell it."""

    kind: str  # "ssh-ed25519"; "" where it can't be told
    bits: Optional[int]  # of RSA
    encrypted: bool
    blob: Optional[bytes]

    @property
    def fingerprint(self) -> Optional[str]:
        """Return the fingerprint as ssh-keygen -l writes it."""
        return fingerprint(self.blob) if self.blob else None


def is_private_key(head: bytes) -> bool:
    """Return whether a file that begins with HEAD is a private key."""
    return _PEM.search(head + b"-----END ") is not None


def read_key(data: bytes, public: bytes = b"") -> Optional[PrivateKey]:
    """Return what DATA, a private key, and PUBLIC, its .pub file, tell; None if DATA is none."""
    found = _PEM.search(data)
    if found is None:
        return None
    body = _decoded(_HEADER.sub(b"", found[2]))
    if found[1] == b"OPENSSH ":
        return _of_openssh(body)
    encrypted = b"ENCRYPTED" in found[0]
    line = parse(public.split(b"\n", 1)[0])
    blob = line.blob
    kind = _OLD_NAMES.get(found[1], "") or (line.key_type or b"").decode("ascii", "replace")
    bits = _rsa_bits(blob) if blob else None
    if kind == "ssh-rsa" and bits is None and not encrypted:
        bits = _der_bits(body)
    return PrivateKey(kind, bits, encrypted, blob)


def _of_openssh(body: bytes) -> Optional[PrivateKey]:
    if not body.startswith(_MAGIC):
        return None
    # cipher, kdf, its options, the number of keys, the first one's public half
    fields = _strings(body[len(_MAGIC):], 3)
    if fields is None:
        return None
    (cipher, _, _), rest = fields
    public = _strings(rest[4:], 1)
    kind = _strings(public[0][0], 1) if public else None
    if public is None or kind is None:
        return None
    blob = public[0][0]
    name = kind[0][0].decode("ascii", "replace")
    return PrivateKey(name, _rsa_bits(blob), cipher != b"none", blob)


def _strings(data: bytes, count: int) -> Optional[tuple[list[bytes], bytes]]:
    """Return COUNT strings behind their lengths (RFC 4251, section 5), and what follows."""
    found = []
    for _ in range(count):
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            return None
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found, data


def _rsa_bits(blob: bytes) -> Optional[int]:
    fields = _strings(blob, 3)
    if fields is None or fields[0][0] != b"ssh-rsa":
        return None
    return int.from_bytes(fields[0][2], "big").bit_length()


def _der_bits(body: bytes) -> Optional[int]:
    """Return the size of the modulus, the second INTEGER of RSAPrivateKey (RFC 8017, A.1.2)."""
    found = re.search(rb"\x02\x01\x00\x02(?:\x81(.)|\x82(..))", body[:32], re.DOTALL)
    if found is None:
        return None
    size = int.from_bytes(found[1] or found[2], "big")
    return int.from_bytes(body[found.end() : found.end() + size], "big").bit_length()


def _decoded(text: bytes) -> bytes:
    try:
        return a2b_base64(text)
    except Error:
        return b""
