"""One line of authorized_keys as sshd reads it; reading never fails.

What sshd passes over is a Line without a key, or with a `fault`. What it does was read in OpenSSH
9.2 (auth2-pubkeyfile.c, auth-options.c, sshkey.c), and tried on it.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from ..lean import sha256
from ..vocabulary import KEY_ID_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    # An option's name in small letters, and its value unquoted; a flag has None.
    Options = tuple[tuple[bytes, Optional[bytes]], ...]

# How many fields follow the type's name in the blob of a key (RFC 4253, 5656, 8709; PROTOCOL.u2f).
KEY_TYPES: Final = {
    b"ssh-ed25519": 1,
    b"ssh-rsa": 2,
    b"ecdsa-sha2-nistp256": 2,
    b"ecdsa-sha2-nistp384": 2,
    b"ecdsa-sha2-nistp521": 2,
    b"sk-ssh-ed25519@openssh.com": 2,
    b"sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
# sshd takes the names of RSA's signatures for the name of the key, too.
_OTHER_NAMES: Final = {b"rsa-sha2-256": b"ssh-rsa", b"rsa-sha2-512": b"ssh-rsa"}

_FLAGS: Final = frozenset({b"restrict", b"cert-authority"})
_SWITCHES: Final = frozenset({  # each also with no- before it
    b"agent-forwarding", b"port-forwarding", b"pty", b"touch-required", b"user-rc",
    b"verify-required", b"x11-forwarding",
})
_ONCE: Final = frozenset({b"command", b"from", b"principals"})
_VALUES: Final = _ONCE | {
    b"environment", b"expiry-time", b"permitlisten", b"permitopen", b"tunnel",
}

_BLANKS: Final = b" \t"
_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")


class Line:
    """One line without its LF; `key_type`, `blob` and `comment` are None where it holds no key.

    `fault` says why sshd passes over a line that does hold a key.
    """

    __slots__ = ("blob", "comment", "fault", "key_type", "options", "raw")
    raw: Final[bytes]
    options: Final[Options]
    key_type: Final[Optional[bytes]]
    blob: Final[Optional[bytes]]
    comment: Final[Optional[bytes]]
    fault: Final[Optional[str]]

    def __init__(
        self,
        raw: bytes,
        options: Options = (),
        key: Optional[tuple[bytes, bytes, bytes]] = None,
        fault: Optional[str] = None,
    ) -> None:
        self.raw = raw
        self.options = options
        self.key_type, self.blob, self.comment = key or (None, None, None)
        self.fault = fault

    @property
    def is_blank(self) -> bool:
        """Tell whether sshd sees nothing in it, or a comment."""
        return _visible(self.raw)[:1] in (b"", b"#")

    def has(self, name: bytes) -> bool:
        """Tell whether the option NAME is there."""
        return any(name == each for each, _ in self.options)

    def value(self, name: bytes) -> Optional[bytes]:
        """Return the value of the first option NAME."""
        return next((value for each, value in self.options if each == name), None)


def parse(raw: bytes) -> Line:
    """Return what sshd makes of the line RAW, which has no LF."""
    text = _visible(raw)
    if text[:1] in (b"", b"#"):
        return Line(raw)
    key = _read_key(text)
    if key is not None:
        return Line(raw, (), key)
    end = _end_of_options(text)
    key = None if end is None else _read_key(text[end:].lstrip(_BLANKS))
    if key is None:
        return Line(raw)
    options, fault = _read_options(text[:end])
    return Line(raw, options, key, fault)


def parse_file(data: bytes) -> tuple[Line, ...]:
    r"""Return all lines of DATA: joined again by LF their `raw` is DATA."""
    return tuple(parse(raw) for raw in data.split(b"\n"))


def key_id(blob: bytes) -> bytes:
    """Return the KEYID of the key BLOB."""
    digest: str = sha256(blob).hexdigest()
    return digest[:KEY_ID_LENGTH].encode("ascii")


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint of the key BLOB as ssh-keygen -l writes it."""
    return "SHA256:" + b2a_base64(sha256(blob).digest(), newline=False).rstrip(b"=").decode("ascii")


def _visible(raw: bytes) -> bytes:
    """Return what sshd, written in C, sees of a line: up to a NUL, from the first non-blank on."""
    return raw.partition(b"\0")[0].lstrip(_BLANKS)


def _word(text: bytes) -> tuple[bytes, bytes]:
    """Return TEXT up to its first blank, and what comes behind the blanks."""
    blanks = [at for at in (text.find(b" "), text.find(b"\t")) if at >= 0]
    end = min(blanks, default=len(text))
    return text[:end], text[end:].lstrip(_BLANKS)


def _read_key(text: bytes) -> Optional[tuple[bytes, bytes, bytes]]:
    """Return type, blob and comment if TEXT begins with a key; its own spelling of the type."""
    name, rest = _word(text)
    encoded, comment = _word(rest)
    blob = _decode(encoded)
    if blob is None or not is_blob_of(_OTHER_NAMES.get(name, name), blob):
        return None
    return name, blob, comment


def _decode(text: bytes) -> Optional[bytes]:
    """Return the bytes that TEXT encodes: base64 with its padding and with no bit left over."""
    text = text.translate(None, b"\r\v\f")  # b64_pton passes over them, hence CR LF does no harm
    try:
        data = a2b_base64(text)
    except Base64Error:
        return None
    # a2b_base64 passes over foreign bytes and spare bits: the strict mode came with Python 3.11.
    return data if b2a_base64(data, newline=False) == text else None


def is_blob_of(name: bytes, blob: bytes) -> bool:
    """Tell whether BLOB says that it is of the type NAME, and is whole as far as we know types."""
    fields = _fields(blob)
    if name not in KEY_TYPES:  # of a newer sshd, or a certificate, which has more than strings
        size = int.from_bytes(blob[:4], "big")
        return bool(name) and len(blob) > 4 + size and blob[4 : 4 + size] == name
    if fields is None or fields[0] != name or len(fields) != 1 + KEY_TYPES[name]:
        return False
    return all(fields) and (name != b"ssh-ed25519" or len(fields[1]) == 32)


def _fields(blob: bytes) -> Optional[list[bytes]]:
    """Return the strings in BLOB, each behind its length of four bytes, or None."""
    fields = []
    at = 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if end > len(blob) or at + 4 > len(blob):
            return None
        fields.append(blob[at + 4 : end])
        at = end
    return fields or None


def _end_of_options(text: bytes) -> Optional[int]:
    """Return the place of the first unquoted blank; None where a quote stays open."""
    quoted = False
    at = 0
    while at < len(text) and (quoted or text[at] not in _BLANKS):
        if text[at] == _BACKSLASH and text[at + 1 : at + 2] == b'"':
            at += 1
        elif text[at] == _QUOTE:
            quoted = not quoted
        at += 1
    return None if quoted else at


def _read_options(text: bytes) -> tuple[Options, Optional[str]]:
    """Return the options of TEXT as far as sshd understands them, and why not all."""
    options: list[tuple[bytes, Optional[bytes]]] = []
    at = 0
    while at < len(text):
        comma = text.find(b",", at)
        end = text.find(b"=", at, comma if comma >= 0 else len(text))
        end = end if end >= 0 else comma if comma >= 0 else len(text)
        name, value = text[at:end].lower(), None
        if text[end : end + 1] == b"=":
            value, end = _unquote(text, end + 1)
        fault = _fault(name, value, text[end : end + 1], options)
        if fault is not None:
            return tuple(options), fault
        if name:  # sshd passes over an empty one
            options.append((name, value))
        at = end + 1
    return tuple(options), None


def _unquote(text: bytes, at: int) -> tuple[Optional[bytes], int]:
    """Return the value whose opening quote stands at AT, None if none does, and where it ends."""
    if text[at : at + 1] != b'"':
        return None, at
    value = bytearray()
    at += 1
    while at < len(text) and text[at] != _QUOTE:
        if text[at] == _BACKSLASH and text[at + 1 : at + 2] == b'"':
            at += 1
        value.append(text[at])
        at += 1
    return bytes(value), at + 1


def _fault(
    name: bytes, value: Optional[bytes], then: bytes, before: list[tuple[bytes, Optional[bytes]]]
) -> Optional[str]:
    """Return why sshd does not take the option NAME with THEN behind it, or None."""
    shown = ascii(name.decode("utf-8", "backslashreplace"))  # it may steer a terminal
    flag = name[3:] if name.startswith(b"no-") and name not in _FLAGS else name
    known = name in _VALUES if value is not None else name in _FLAGS or flag in _SWITCHES
    if value is None and name in _VALUES:
        return f"the option {shown} has no value in double quotes"
    if (name and not known) or then not in (b",", b""):
        return f"unknown option {shown}"
    if name in _ONCE and any(name == each for each, _ in before):
        return f"the option {shown} stands there twice"
    return None
