"""The evidence of the command log as bytes: chain, MAC ratchet and checkpoint proof.

h_i = SHA256(h_(i-1) || body_i) binds each record to all before it; m_i = HMAC-SHA256(K_i, h_i) is
made by a key that exists only until the next record, K_(i+1) = SHA256(label || K_i): who takes the
machine over can forge from then on, and not one record before. Writer and verifier share this page.
"""

from __future__ import annotations

from ..lean import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

CHAIN_BYTES: Final = 16
KEY_BYTES: Final = 32
HEAD_BYTES: Final = 32
MAC_BYTES: Final = 16
PROOF_BYTES: Final = 16
NONCE_BYTES: Final = (16, 32)  # least and most

CHAIN_LABEL: Final = b"bpc-ssh-guard chain v1\0"
RATCHET_LABEL: Final = b"bpc-ssh-guard ratchet v1\0"
CHECKPOINT_LABEL: Final = b"bpc-ssh-guard checkpoint v1\0"

HEAD_MARK: Final = b',"h":"'
MAC_MARK: Final = b'","m":"'
END: Final = b'"}\n'
# From the head's mark to the line feed: always as long, so no reader needs a JSON parser.
TAIL_LENGTH: Final = (
    len(HEAD_MARK) + 2 * HEAD_BYTES + len(MAC_MARK) + 2 * MAC_BYTES + len(END)
)

_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK_PADDING: Final = bytes(64 - KEY_BYTES)


def prefix(sequence: int) -> bytes:
    """Return the bytes that the record number SEQUENCE begins with."""
    return b'{"event.sequence":%d,' % sequence


def first_head(chain: bytes) -> bytes:
    """Return h_(-1), the head before the first record of CHAIN, 16 bytes."""
    return sha256(CHAIN_LABEL + chain).digest()


def next_key(key: bytes) -> bytes:
    """Return K_(i+1) of KEY, K_i: 32 bytes each; there is no way back."""
    return sha256(RATCHET_LABEL + key).digest()


def seal(body: bytes, head: bytes, key: bytes) -> tuple[bytes, bytes]:
    """Return the line of BODY after HEAD, made with KEY, and the new head.

    BODY: from `{"event.sequence":` up to, not including, the comma before "h".
    """
    new = sha256(head + body).digest()
    mac = hmac(key, new)[:MAC_BYTES]
    hexes = new.hex().encode("ascii"), mac.hex().encode("ascii")
    return body + HEAD_MARK + hexes[0] + MAC_MARK + hexes[1] + END, new


def proof(key: bytes, chain: bytes, sequence: int, head: bytes, nonce: bytes) -> bytes:
    """Return the proof that the chain's first SEQUENCE records end in HEAD; KEY is K_SEQUENCE."""
    number = sequence.to_bytes(8, "big")
    return hmac(key, CHECKPOINT_LABEL + chain + number + head + nonce)[:PROOF_BYTES]


def hmac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256 of MESSAGE by KEY, 32 bytes (RFC 2104); hashlib stays unimported."""
    padded = key + _BLOCK_PADDING
    inner = sha256(padded.translate(_INNER) + message).digest()
    return sha256(padded.translate(_OUTER) + inner).digest()
