"""An ed25519 key pair of the lab and its KEYID, by which the guard's records name it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from .process import require, run


@dataclass(frozen=True)
class Key:
    """A private key file and the two public words of its `.pub` file."""

    path: str
    public: str

    @classmethod
    def generate(cls, path: str) -> Key:
        """Make the key PATH and PATH.pub, without a passphrase."""
        require(run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path]))
        with open(path + ".pub", encoding="ascii") as file:
            return cls(path, " ".join(file.read().split()[:2]))

    @property
    def keyid(self) -> str:
        """The first 32 hex digits of the SHA-256 of the decoded public key blob."""
        blob = base64.b64decode(self.public.split()[1])
        return hashlib.sha256(blob).hexdigest()[:32]
