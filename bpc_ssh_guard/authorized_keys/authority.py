"""The line by which a client takes the certificates of an authority for one label.

It stands for no key: whoever shows a certificate of the authority that names the line's principal
gets the guard for LABEL, and nothing else (sshd(8), cert-authority). Its command names the
authority, so the guard knows whose certificate sshd has taken even where sshd doesn't show it.
Composed like a managed line, so that nothing can slip in.
"""

from __future__ import annotations

from binascii import b2a_base64

from ..vocabulary import CERTIFICATE, PROGRAM_NAME, is_authority_id, is_host_name
from .line import is_blob_of, key_id
from .managed import ForcedCommand, Mark, Uncomposable, require, require_end, require_networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from .line import Line

ED25519: Final = b"ssh-ed25519"
_PRINCIPAL: Final = b"bpc-"


def authority_id(blob: bytes) -> bytes:
    """Return what stands for a KEYID in the line of the authority BLOB."""
    return CERTIFICATE + key_id(blob)


def principal(label: bytes, host: bytes) -> bytes:
    """Return the principal of LABEL on HOST; raises Uncomposable."""
    require(is_host_name(host), "is no name of a host", host)
    return _PRINCIPAL + label + b"@" + host


class AuthorityCommand(ForcedCommand):
    """The command of a line for certificates; its `key_id` is the authority's, behind `cert-`."""

    __slots__ = ()
    is_id = staticmethod(is_authority_id)


class AuthorityMark(Mark):
    """The comment of such a line; its `key_id` is the authority's, behind `cert-`."""

    __slots__ = ()
    is_id = staticmethod(is_authority_id)


class AuthorityLine:
    """A line for the certificates of the Ed25519 authority BLOB for LABEL on HOST.

    HOST is how the authority names the client in a principal; the rest is that of a ManagedLine.
    """

    __slots__ = ("blob", "command", "expiry", "host", "key_type", "mark", "networks")
    command: Final[ForcedCommand]
    networks: Final[tuple[bytes, ...]]
    expiry: Final[Optional[bytes]]
    key_type: Final[bytes]
    blob: Final[bytes]
    mark: Final[Mark]
    host: Final[bytes]

    def __init__(
        self,
        program: bytes,
        label: bytes,
        host: bytes,
        blob: bytes,
        generation: int,
        networks: tuple[bytes, ...] = (),
        policy: Optional[bytes] = None,
        staged: bool = False,
        expiry: Optional[bytes] = None,
    ) -> None:
        require(is_blob_of(ED25519, blob), "is no Ed25519 key", blob)
        require(is_host_name(host), "is no name of a host", host)
        require_networks(networks)
        require_end(expiry, staged, label)
        self.key_type, self.blob, self.host = ED25519, blob, host
        self.command = AuthorityCommand(program, label, authority_id(blob), policy)
        self.networks = networks
        self.expiry = expiry
        self.mark = AuthorityMark(label, self.command.key_id, generation, staged)

    @classmethod
    def from_line(cls, line: Line) -> Optional[AuthorityLine]:
        """Return LINE as one for certificates, None unless it is that to the byte."""
        command = AuthorityCommand.from_words(line.value(b"command") or b"")
        mark = AuthorityMark.from_comment(line.comment or b"")
        host = (line.value(b"principals") or b"").partition(b"@")[2]
        if command is None or mark is None or line.blob is None:
            return None
        origin = line.value(b"from")
        networks = () if origin is None else tuple(origin.split(b","))
        try:
            found = cls(command.program, command.label, host, line.blob, mark.generation, networks,
                        command.policy, mark.staged, line.value(b"expiry-time"))
        except Uncomposable:
            return None
        return found if found.compose() == line.raw else None

    @property
    def principal(self) -> bytes:
        """The name that a certificate must have."""
        return principal(self.mark.label, self.host)

    def until(self, expiry: Optional[bytes], staged: bool = False) -> AuthorityLine:
        """Return this line with another EXPIRY, STAGED or not."""
        return AuthorityLine(self.command.program, self.mark.label, self.host, self.blob,
                             self.mark.generation, self.networks, self.command.policy, staged,
                             expiry)

    def compose(self) -> bytes:
        """Return the line without an LF."""
        origin = b',from="' + b",".join(self.networks) + b'"' if self.networks else b""
        end = b"" if self.expiry is None else b',expiry-time="' + self.expiry + b'"'
        options = (b'cert-authority,principals="' + self.principal + b'",restrict,command="'
                   + self.command.compose() + b'"' + origin + end)
        encoded = b2a_base64(self.blob, newline=False)
        return b" ".join((options, self.key_type, encoded, self.mark.compose()))


def is_for_certificates(line: Line) -> bool:
    """Tell whether LINE calls the guard for certificates, whatever else it says."""
    call = AuthorityCommand.from_words(line.value(b"command") or b"")
    return call is not None and call.program.rpartition(b"/")[2] == PROGRAM_NAME.encode("ascii")
