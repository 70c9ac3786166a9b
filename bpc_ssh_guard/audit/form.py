"""A record's evidence by its place in the line: fixed bytes, so that no JSON parser is needed."""

from __future__ import annotations

import json
from binascii import hexlify
from hashlib import sha256
from struct import Struct
from typing import Any, Final, Optional

from ..record import seal
from ..record.event import Action
from .clock import STAMP

HEX_HEAD: Final = 2 * seal.HEAD_BYTES
BEGIN: Final = b'{"event.sequence":'
# What stands before the text of a member; no text of a stranger can hold it unescaped.
TIME: Final = b',"@timestamp":"'
ACTION: Final = b',"event.action":"'
BOOT: Final = b',"host.boot.id":"'
BOOTTIME: Final = b',"bpc.boottime_ns":'
ENTITY: Final = b',"process.entity_id":"'
CHAIN_ID: Final = b',"bpc.chain.id":"'
STARTED: Final = Action.STARTED.encode("ascii")
ENDED: Final = Action.ENDED.encode("ascii")
LOG_RECOVERED: Final = Action.LOG_RECOVERED.encode("ascii")
RECOVERED: Final = b'%b%b",' % (ACTION, LOG_RECOVERED)
TAIL: Final = -seal.TAIL_LENGTH
HEAD_AT: Final = TAIL + len(seal.HEAD_MARK)
MAC_AT: Final = HEAD_AT + HEX_HEAD + len(seal.MAC_MARK)
MAC_DIGITS: Final = 2 * seal.MAC_BYTES
# The end of every record, to be filled in with the hex digits of h and m.
EVIDENCE: Final = seal.HEAD_MARK + b"%b" + seal.MAC_MARK + b"%b" + seal.END
INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
PADDING: Final = bytes(64 - seal.KEY_BYTES)


def has_form(line: bytes) -> bool:
    """Tell whether LINE ends as every record does."""
    return (
        line[TAIL:HEAD_AT] == seal.HEAD_MARK
        and line[HEAD_AT + HEX_HEAD : MAC_AT] == seal.MAC_MARK
        and line.endswith(seal.END)
    )


def head_of(line: bytes) -> bytes:
    """Return the hex digits of h in LINE, which has the form."""
    return line[HEAD_AT : HEAD_AT + HEX_HEAD]


def mac_of(line: bytes) -> bytes:
    """Return the hex digits of m in LINE, which has the form."""
    return line[MAC_AT : MAC_AT + MAC_DIGITS]


def number_of(line: bytes) -> Optional[int]:
    """Return the number of LINE if it has the form of a record."""
    if not line.startswith(BEGIN) or not has_form(line):
        return None
    digits = line[len(BEGIN) : len(BEGIN) + 21].partition(b",")[0]
    try:
        bytes.fromhex(head_of(line).decode("ascii"))
    except ValueError:
        return None
    return int(digits) if digits.isdigit() else None


def mac_for(key: bytes, head: bytes) -> bytes:
    """Return m in hex digits of the record with h in HEAD and K in KEY.

    seal.hmac by hashlib: OpenSSL's hash is the faster one for long lines, its HMAC is not.
    """
    padded = key + PADDING
    inner = sha256(padded.translate(INNER) + head).digest()
    return hexlify(sha256(padded.translate(OUTER) + inner).digest()[: seal.MAC_BYTES])


def member_after(line: bytes, mark: bytes) -> Optional[bytes]:
    """Return the string behind MARK, one of those above."""
    begin = line.find(mark)
    if begin < 0:
        return None
    begin += len(mark)
    return line[begin : line.find(b'"', begin)]


def previous_head(line: bytes) -> Optional[bytes]:
    said = member_after(line, b',"bpc.segment.previous_head":"')
    try:
        head = bytes.fromhex(said.decode("ascii")) if said else b""
    except ValueError:
        return None
    return head if len(head) == seal.HEAD_BYTES else None


def recovered(line: bytes) -> Optional[dict[str, Any]]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def time_of(line: Optional[bytes]) -> str:
    """Return the time of LINE, nothing where it has none of the form; whoever has root wrote it."""
    found = None if line is None else member_after(line, TIME)
    return found.decode("ascii") if found is not None and STAMP.fullmatch(found) else ""


def pieces(form: Struct, data: bytes) -> tuple[bytes, ...]:
    """Return what FORM, of one piece, finds in DATA time and again."""
    return Struct(form.format * (len(data) // form.size)).unpack(data)
