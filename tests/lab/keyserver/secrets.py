"""What must not be seen of a private key, in each form that it could slip out in."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE = b"-----BEGIN OPENSSH PRIVATE KEY-----"  # what a private key's own file begins with


def secrets_of(path: Path) -> Iterator[bytes]:
    """Yield what must not be seen of the key at PATH: its seed in each form, and its file."""
    data = path.read_bytes()
    key = serialization.load_ssh_private_key(data, None)
    form = serialization.PrivateFormat.Raw
    seed = key.private_bytes(serialization.Encoding.Raw, form, serialization.NoEncryption())
    yield seed
    yield seed.hex().encode("ascii")
    yield base64.b64encode(seed).rstrip(b"=")
    yield repr(seed).encode("ascii")[2:-1]
    # The first two of its lines are alike in all files and the public half, which certificates
    # show as well, by chance in the same places; the others hold the seed.
    yield from (line for line in data.splitlines()[3:-1] if len(line) > 20)
