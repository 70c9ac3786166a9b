"""Paths of a secluded list turned from UTF-8 into the client's character set, for --iconv.

On the wire rsync converts secluded arguments (io.c, read_args); a guard that hands them over in a
plain argument vector has to do it itself.
"""

from __future__ import annotations

from ..errors import Refused
from ..vocabulary import Reason
from .paths import find_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_ASCII: Final = "".join(map(chr, range(0x20, 0x7F)))


def recode(path: bytes, charset: bytes) -> bytes:
    """Return PATH, UTF-8, in CHARSET; raises Refused(bad-secluded-list) when it can't be.

    The result is judged like any path: no character set may turn a name into another structure.
    """
    name = charset.decode("ascii")
    try:
        _require_ascii_kept(name)
        converted = path.decode("utf-8").encode(name)
    except (LookupError, ValueError):  # UnicodeError is a ValueError
        detail = f"a path can't be written in the character set {name}"
        raise Refused(Reason.BAD_SECLUDED_LIST, detail, None, in_list=True) from None
    kept = converted.count(b"/") == path.count(b"/") and converted.isascii() == path.isascii()
    if find_fault(converted) is not None or not kept:
        detail = f"a path changes its structure in the character set {name}"
        raise Refused(Reason.BAD_SECLUDED_LIST, detail, None, in_list=True)
    return converted


def _require_ascii_kept(name: str) -> None:
    """Raise LookupError unless NAME writes ASCII as itself; UTF-16, UTF-7 and rot13 do not."""
    if _ASCII.encode(name) != _ASCII.encode("ascii"):
        raise LookupError(name)
