"""The key that logged in, as sshd shows it under `ExposeAuthInfo yes` (sshd_config(5)).

Without it the KEYID of the forced command is all that is known. With it a key of another KEYID is
found out, and a certificate tells its embedded key and its authority. The file belongs to the
login's own account, so it is no stronger than the forced command against that account.
"""

from __future__ import annotations

import binascii
import os
import stat

from ..lean import sha256
from ..vocabulary import CERTIFICATE, KEY_ID_LENGTH, is_authority_id
from .line import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final, Optional

    from .line import Member

FILE_LIMIT: Final = 64 * 1024  # a dozen of the longest certificates that sshd takes
CERT_ID_LIMIT: Final = 256  # bytes of the text that the authority gave the certificate

_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CERT_MARK: Final = b"-cert-"
_USER: Final = 1  # SSH2_CERT_TYPE_USER (PROTOCOL.certkeys)
# By a certificate's type: that of the plain key, and how many fields between nonce and serial are
# the plain key's (PROTOCOL.certkeys, PROTOCOL.u2f).
_CERTIFICATES: Final = {
    b"ssh-ed25519-cert-v01@openssh.com": (b"ssh-ed25519", 1),
    b"ssh-rsa-cert-v01@openssh.com": (b"ssh-rsa", 2),
    b"ecdsa-sha2-nistp256-cert-v01@openssh.com": (b"ecdsa-sha2-nistp256", 2),
    b"ecdsa-sha2-nistp384-cert-v01@openssh.com": (b"ecdsa-sha2-nistp384", 2),
    b"ecdsa-sha2-nistp521-cert-v01@openssh.com": (b"ecdsa-sha2-nistp521", 2),
    b"sk-ssh-ed25519-cert-v01@openssh.com": (b"sk-ssh-ed25519@openssh.com", 2),
    b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": (b"sk-ecdsa-sha2-nistp256@openssh.com", 3),
}


class Certificate:
    """What a user certificate says of itself: its key id, its serial, its authority's blob."""

    __slots__ = ("authority", "identity", "serial")
    identity: Final[bytes]
    serial: Final[int]
    authority: Final[bytes]

    def __init__(self, identity: bytes, serial: int, authority: bytes) -> None:
        self.identity = identity
        self.serial = serial
        self.authority = authority


class LoginKey:
    """A key that logged in: type and blob of the plain key, and its certificate if it had one."""

    __slots__ = ("blob", "certificate", "kind")
    kind: Final[bytes]
    blob: Final[bytes]
    certificate: Final[Optional[Certificate]]

    def __init__(
        self, kind: bytes, blob: bytes, certificate: Optional[Certificate] = None
    ) -> None:
        self.kind = kind
        self.blob = blob
        self.certificate = certificate

    @classmethod
    def from_blob(cls, kind: bytes, blob: bytes) -> LoginKey:
        """Return the key of BLOB, whose own type is KIND; raises ValueError."""
        fields = _Fields(blob)
        if fields.string() != kind:
            raise ValueError("a key has another type than its line says")
        if _CERT_MARK not in kind:
            return cls(kind, blob)
        if kind not in _CERTIFICATES:
            raise ValueError("a certificate has an unknown type")
        plain, count = _CERTIFICATES[kind]
        fields.string()  # the nonce
        begin = fields.position
        for _ in range(count):
            fields.string()
        key = len(plain).to_bytes(4, "big") + plain + blob[begin : fields.position]
        return cls(plain, key, _certificate(fields))

    @property
    def key_id(self) -> bytes:
        """The KEYID of the plain key."""
        return _key_id(self.blob)

    def fits(self, key_id: bytes) -> bool:
        """Tell whether this is the key of a forced command that says KEY_ID."""
        if not is_authority_id(key_id):
            return self.key_id == key_id
        found = self.certificate
        return found is not None and CERTIFICATE + _key_id(found.authority) == key_id

    def members(self, source: str) -> list[Member]:
        """Return the members that show the key; SOURCE says who vouches for bpc.key.id."""
        members: list[Member] = [
            ("ssh.key.fingerprint", fingerprint(self.blob)),
            ("ssh.key.type", text(self.kind)),
            ("ssh.key.source", source),
        ]
        certificate = self.certificate
        if certificate is not None:
            members += [
                ("ssh.cert.id", text(certificate.identity, CERT_ID_LIMIT)),
                ("ssh.cert.serial", str(certificate.serial)),
                ("ssh.cert.ca_fingerprint", fingerprint(certificate.authority)),
            ]
        return members


class Identity:
    """Who logged in: the KEYID for the records, more members of them, and what is wrong with it.

    `complaint` is empty where the key is the one of the forced command.
    """

    __slots__ = ("complaint", "key_id", "members")
    key_id: Final[bytes]
    members: Final[Sequence[Member]]
    complaint: Final[str]

    def __init__(
        self, key_id: bytes, members: Sequence[Member] = (), complaint: str = ""
    ) -> None:
        self.key_id = key_id
        self.members = members
        self.complaint = complaint


def identify(path: Optional[bytes], key_id: bytes) -> Identity:
    """Return who logged in by a forced command that says KEY_ID; PATH is SSH_USER_AUTH."""
    if path is None:
        advice = "say ExposeAuthInfo yes in sshd_config"
        return Identity(key_id, (), f"the key's line is for certificates; {advice}")
    try:
        keys = parse(read(path))
    except OSError as error:
        return Identity(key_id, (), f"SSH_USER_AUTH: {error.strerror or 'can not be read'}")
    except ValueError as fault:
        return Identity(key_id, (), f"SSH_USER_AUTH: {fault}")
    fitting = [key for key in keys if key.fits(key_id)]
    certified = is_authority_id(key_id)
    if not fitting:
        wanted = "no certificate of the authority" if certified else "another key"
        members = keys[-1].members("authinfo") if keys else ()
        return Identity(key_id, members, f"{wanted if keys else 'no key'} logged in")
    key = fitting[-1]
    source = "authinfo" if certified else "both"
    return Identity(key.key_id, key.members(source))


def read(path: bytes) -> bytes:
    """Return the file that sshd wrote at PATH; raises OSError, ValueError if another could have."""
    descriptor = os.open(path, _OPEN)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise ValueError("it is not the login account's alone")
        data = os.read(descriptor, FILE_LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > FILE_LIMIT:
        raise ValueError(f"it has more than {FILE_LIMIT} bytes")
    return data


def parse(data: bytes) -> list[LoginKey]:
    """Return the keys of DATA, a line `method` or `publickey TYPE BASE64` each; raises ValueError.

    There are several where AuthenticationMethods asks for several.
    """
    if not data.endswith(b"\n"):
        raise ValueError("it is cut off")
    return list(_keys(data[:-1].split(b"\n")))


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint of a public key's BLOB as ssh-keygen -l shows it."""
    digest = binascii.b2a_base64(sha256(blob).digest(), newline=False)
    return "SHA256:" + digest.rstrip(b"=").decode("ascii")


def _key_id(blob: bytes) -> bytes:
    return sha256(blob).hexdigest()[:KEY_ID_LENGTH].encode("ascii")


def _keys(lines: Sequence[bytes]) -> Iterator[LoginKey]:
    for line in lines:
        method, *words = line.split(b" ")
        if method != b"publickey":
            continue
        if len(words) != 2:
            raise ValueError("a line for a key has not two words")
        kind, base64 = words
        blob = binascii.a2b_base64(base64)
        # a2b_base64 skips what is none (binascii.a2b_base64, strict_mode is of Python 3.11).
        if binascii.b2a_base64(blob, newline=False) != base64:
            raise ValueError("a key is no base64")
        yield LoginKey.from_blob(kind, blob)


def _certificate(fields: _Fields) -> Certificate:
    """Return the certificate of FIELDS from its serial on."""
    serial = fields.number(8)
    if fields.number(4) != _USER:
        raise ValueError("a certificate is not a user's")
    identity = fields.string()
    fields.string()  # principals
    fields.number(8)  # valid after
    fields.number(8)  # valid before
    for _ in ("critical options", "extensions", "reserved"):
        fields.string()
    authority = fields.string()
    fields.string()  # the signature, which sshd has checked
    if fields.position != len(fields.data):
        raise ValueError("a certificate has bytes behind its end")
    return Certificate(identity, serial, authority)


class _Fields:
    """The fields of a blob one after the other (RFC 4251, section 5); raises ValueError."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data: Final = data
        self.position = 0

    def number(self, length: int) -> int:
        """Return the number that the next LENGTH bytes write."""
        return int.from_bytes(self._take(length), "big")

    def string(self) -> bytes:
        """Return the next string."""
        return self._take(self.number(4))

    def _take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            raise ValueError("a key is cut off")
        taken = self.data[self.position : end]
        self.position = end
        return taken
