"""The line by which a client takes the certificates of an authority for one label.

It stands for no key: whoever shows a certificate of the authority that names the line's principal
gets the guard for LABEL, and nothing else (sshd(8), cert-authority). Composed like a managed line,
so that nothing can slip in.
"""

from __future__ import annotations

from binascii import b2a_base64

from ..vocabulary import CERTIFICATE, PROGRAM_NAME, is_label
from .line import is_blob_of
from .managed import MAX_GENERATION, Uncomposable, _require, _require_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from .line import Line

ED25519: Final = b"ssh-ed25519"
_MARK: Final = PROGRAM_NAME.encode("ascii") + b":"
_HOST_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_NETWORK_BYTES: Final = b"0123456789abcdefABCDEF:./"
_HOST_LIMIT: Final = 253  # the longest name in DNS


def principal(label: bytes, host: bytes) -> bytes:
    """Return the principal of LABEL on HOST; raises Uncomposable."""
    _require(is_label(label), "is no key label", label)
    fine = bool(host) and len(host) <= _HOST_LIMIT and not host.strip(_HOST_BYTES)
    _require(fine, "is no name of a host", host)
    return b"bpc-" + label + b"@" + host


def command(program: bytes, label: bytes, policy: Optional[bytes] = None) -> bytes:
    """Return the forced command of LABEL for certificates; raises Uncomposable."""
    for path in (program,) if policy is None else (program, policy):
        _require_path(path)
    _require(is_label(label), "is no key label", label)
    words = () if policy is None else (b"--policy", policy)
    return b" ".join((program, *words, label, CERTIFICATE))


class AuthorityCommand:
    """The command of a line that calls the guard for certificates."""

    __slots__ = ("label", "policy", "program")
    program: Final[bytes]
    policy: Final[Optional[bytes]]
    label: Final[bytes]

    def __init__(self, program: bytes, label: bytes, policy: Optional[bytes]) -> None:
        self.program, self.label, self.policy = program, label, policy

    @classmethod
    def from_words(cls, text: bytes) -> Optional[AuthorityCommand]:
        """Return what TEXT calls, None unless it is to the byte what `command` composes."""
        words = text.split(b" ")
        policy = words[2] if len(words) == 5 and words[1] == b"--policy" else None
        try:
            same = len(words) >= 3 and command(words[0], words[-2], policy) == text
        except Uncomposable:
            return None
        is_guard = words[0].rpartition(b"/")[2] == PROGRAM_NAME.encode("ascii")
        return cls(words[0], words[-2], policy) if same and is_guard else None


class AuthorityLine:
    """A line for the certificates of the Ed25519 authority BLOB, its generation beside it."""

    __slots__ = ("_generation", "_networks", "blob", "command", "label", "principal")
    blob: Final[bytes]
    label: Final[bytes]
    command: Final[bytes]
    principal: Final[bytes]

    def __init__(
        self, call: tuple[bytes, bytes, Optional[bytes]], host: bytes, blob: bytes,
        generation: int, networks: tuple[bytes, ...] = (),
    ) -> None:
        self.label = call[1]
        self.command = command(*call)
        self.principal = principal(self.label, host)
        _require(is_blob_of(ED25519, blob), "is no Ed25519 key", blob)
        in_range = 1 <= generation <= MAX_GENERATION
        _require(in_range, f"is no generation from 1 to {MAX_GENERATION}", b"%d" % generation)
        for network in networks:
            _require(bool(network) and not network.strip(_NETWORK_BYTES), "is no address", network)
        self.blob = blob
        self._generation: Final = generation
        self._networks: Final = networks

    def compose(self) -> bytes:
        """Return the line without an LF."""
        origin = b',from="' + b",".join(self._networks) + b'"' if self._networks else b""
        mark = _MARK + b":".join((self.label, CERTIFICATE, b"g%d" % self._generation))
        options = (b'cert-authority,principals="' + self.principal + b'",restrict' + origin
                   + b',command="' + self.command + b'"')
        return b" ".join((options, ED25519, b2a_base64(self.blob, newline=False), mark))


def is_for_certificates(line: Line) -> bool:
    """Tell whether LINE calls the guard for certificates, whatever else it says."""
    return AuthorityCommand.from_words(line.value(b"command") or b"") is not None
