"""The second copy of a record, in syslog: a witness outside the log folder that delays nothing.

It is no record: a daemon may be missing, slow or full, and then the copy is lost.
"""

from __future__ import annotations

import os

from ..lean import AF_UNIX, SOCK_DGRAM, sha256, socket
from ..vocabulary import PROGRAM_NAME
from .seal import MAC_MARK, TAIL_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

ADDRESS: Final = "/dev/log"

# <priority> of RFC 3164 is facility * 8 + severity; authpriv is what only root may read.
_AUTHPRIV: Final = 10 * 8
_WARNING: Final = _AUTHPRIV + 4
_INFO: Final = _AUTHPRIV + 6

_SEQUENCE: Final = b'{"event.sequence":'
_COPIED: Final = (b"event.action", b"event.code", b"process.entity_id", b"bpc.key.label")
# The guard's own trouble is told in full: where the log can't be written, nothing else tells it.
_COPIED_OF_FAILURE: Final = (*_COPIED, b"event.reason")


def send_copy(line: bytes, address: str = ADDRESS) -> None:
    """Send the copy of LINE, at once or not at all."""
    try:
        endpoint = socket(AF_UNIX, SOCK_DGRAM)
    except OSError:
        return
    try:
        endpoint.setblocking(False)
        endpoint.sendto(message(line), address)
    except OSError:
        return  # no daemon, or its queue is full
    finally:
        endpoint.close()


def message(line: bytes) -> bytes:
    """Return the datagram about LINE: @cee: and a JSON object, which log daemons take apart."""
    names = _COPIED_OF_FAILURE if b'"bpc.deny.failure":true' in line else _COPIED
    members = [(name, _raw_string(line, name)) for name in names]
    parts = [b'"%s":"%s"' % (name, value) for name, value in members if value is not None]
    if line.startswith(_SEQUENCE):  # a line of the chain: its number and h are a witness of it
        parts.insert(0, line[1 : line.index(b",")])
        parts.append(line[-TAIL_LENGTH + 1 : line.index(MAC_MARK, -TAIL_LENGTH)] + b'"')
    else:
        parts.append(b'"bpc.line.sha256":"%s"' % sha256(line).hexdigest().encode("ascii"))
    priority = _WARNING if b'"event.outcome":"failure"' in line else _INFO
    tag = PROGRAM_NAME.encode("ascii")
    return b"<%d>%s[%d]: @cee:{%s}" % (priority, tag, os.getpid(), b",".join(parts))


def _raw_string(line: bytes, name: bytes) -> Optional[bytes]:
    r"""Return the string member NAME of LINE as it stands there, escaped, or None.

    No peer can plant one: inside a string each quote of his has a backslash before it.
    """
    begin = line.find(b'"%s":"' % name)
    if begin < 0:
        return None
    begin += len(name) + len(b'"":"')
    end = line.index(b'"', begin)
    while _is_escaped(line, end):
        end = line.index(b'"', end + 1)
    return line[begin:end]


def _is_escaped(line: bytes, quote: int) -> bool:
    before = line[:quote]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1
