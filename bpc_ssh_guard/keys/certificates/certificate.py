"""One user certificate: what it must say, signed and read back.

It names one label of one host, forces the very command of the client's line, which sshd compares
(auth-options.c, sshauthopt_merge), works from the server's addresses only and for hours. It has no
extension: no terminal, no forwarding. The form is PROTOCOL.certkeys of OpenSSH.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...authorized_keys import key_id
from ...authorized_keys.authority import authority_id, principal
from ...policy import addresses
from ..trouble import Trouble, Word

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.serialization import SSHCertificate

    from ..config import Host
    from ..files import Pair
    from .ca import Authority
    from .settings import Settings

FORCE_COMMAND: Final = b"force-command"
SOURCE_ADDRESS: Final = b"source-address"
LIMIT: Final = 16 * 1024  # bytes of a file; ours have less than one KiB


@dataclass(frozen=True)
class Terms:
    """What a certificate of LABEL on HOST says, but for its serial and its time."""

    label: str
    host: str
    command: bytes
    sources: tuple[bytes, ...]

    @classmethod
    def of(cls, settings: Settings, host: Host, label: str, authority: bytes) -> Terms:
        """Return the terms that the configuration has now, for a signature of AUTHORITY's blob."""
        sources = addresses.patterns(map(addresses.network, host.source))
        command = settings.call_of(host.name).command(label, authority_id(authority))
        return cls(label, host.name, command, sources)

    @property
    def principal(self) -> bytes:
        """The name that the client's line admits."""
        return principal(self.label.encode("ascii"), self.host.encode("ascii"))

    @property
    def options(self) -> dict[bytes, bytes]:
        """The critical options: sshd refuses a certificate whose option it doesn't know."""
        found = {FORCE_COMMAND: self.command}
        if self.sources:
            found[SOURCE_ADDRESS] = b",".join(self.sources)
        return found

    def identity(self, serial: int) -> bytes:
        """Return the key id, which sshd and the guard log."""
        return f"{self.label}@{self.host}/{serial}".encode("ascii")


@dataclass(frozen=True)
class Issued:
    """A certificate as it was read: of the key KEY, signed by the authority's blob."""

    serial: int
    key: str  # KEYID
    authority: bytes
    begins: int  # seconds after the epoch
    ends: int
    principals: tuple[bytes, ...]
    options: dict[bytes, bytes]

    def fits(self, terms: Terms, key: str) -> bool:
        """Tell whether it is for KEY and says what TERMS do."""
        return (self.key, self.principals, self.options) == \
            (key, (terms.principal,), terms.options)

    def flaw(self, terms: Terms, key: str, now: int) -> str:
        """Return why it is of no use for KEY under TERMS now, empty where it is."""
        if not self.fits(terms, key):
            return "says something else than the configuration"
        return "" if self.begins <= now < self.ends else "is not valid now"


def sign(
    authority: Authority, terms: Terms, pair: Pair, serial: int, begins: int, ends: int
) -> bytes:
    """Return the certificate of PAIR as ssh reads it, TYPE BASE64 LF; raises Trouble."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificateBuilder,
        SSHCertificateType,
    )

    public = serialization.load_ssh_public_key(pair.public.encode("ascii"))
    builder = (
        SSHCertificateBuilder()
        .type(SSHCertificateType.USER)
        .public_key(public)  # type: ignore[arg-type]  # an Ed25519 key, see Pairs
        .serial(serial)
        .key_id(terms.identity(serial))
        .valid_principals([terms.principal])
        .valid_after(begins)
        .valid_before(ends)
    )
    for name, value in terms.options.items():
        builder = builder.add_critical_option(name, value)
    return builder.sign(authority.key).public_bytes() + b"\n"


def read(path: Path) -> Optional[Issued]:
    """Return the certificate in the file PATH; None where there is none or it is none of ours.

    Who signed it is read, not verified: the file is ours, and the client does that.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    return parse(data)


def parse(data: bytes) -> Optional[Issued]:
    """Return the certificate that DATA holds; None where that is none of an Ed25519 key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        SSHCertificateType,
        load_ssh_public_identity,
    )

    try:
        found = load_ssh_public_identity(data.strip())
        if not isinstance(found, SSHCertificate) or found.type is not SSHCertificateType.USER:
            return None
        return _issued(found)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _issued(found: SSHCertificate) -> Issued:
    return Issued(
        found.serial, key_id(_blob(found.public_key())).decode("ascii"),
        _blob(found.signature_key()), found.valid_after, found.valid_before,
        tuple(found.valid_principals), dict(found.critical_options),
    )


def _blob(key: object) -> bytes:
    from binascii import a2b_base64

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    text: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]
    return a2b_base64(text.split()[1])
