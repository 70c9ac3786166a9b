"""rsync's secluded arguments (-s): the list read from standard input, and not one byte more."""

from __future__ import annotations

import os

from ..errors import Refused
from ..lean import SIGALRM, partial, setitimer, signal
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    Reader = Callable[[int], bytes]

# BackupPC's lists have 62 to 99 bytes; rsync clients stop at about 1 000 arguments.
MAX_LIST: Final = 1024 * 1024
MAX_ARGUMENTS: Final = 1000
MAX_ARGUMENT: Final = 4094
# A client writes the list at once and waits for nothing before it.
DEADLINE_SECONDS: Final = 15

END: Final = b"\0\0"  # the last argument's NUL and the empty string that ends the list


class _Late(Exception):
    """The deadline passed."""


def read_from(descriptor: int) -> bytes:
    """Return the list that stands at DESCRIPTOR, with its end; leave the byte behind it unread.

    Raises Refused(bad-secluded-list) when it is cut off, late or over a limit.
    """

    def late(_number: int, _frame: object) -> None:
        raise _Late

    before = signal(SIGALRM, late)
    setitimer(0, DEADLINE_SECONDS)  # 0 is ITIMER_REAL
    try:
        return collect(partial(os.read, descriptor))  # called 65 000 times at the worst
    except _Late:
        raise _refused(f"the list did not end within {DEADLINE_SECONDS} seconds", 0) from None
    except OSError as error:
        raise _refused(f"standard input can't be read: {error.strerror}", 0) from None
    finally:
        setitimer(0, 0)
        signal(SIGALRM, before)


def collect(read: Reader) -> bytes:
    """Return the list that READ(count) gives in pieces of at most count bytes, with its end.

    Raises Refused(bad-secluded-list). Never asks for more bytes than a well-formed list still has.
    """
    data = bytearray()
    arguments = begin = 0
    operands = -1  # how many stand behind the "." argument; -1 before it
    while True:
        piece = _read_through(read, begin < len(data), operands)
        if not piece:
            raise _refused("the list is cut off", len(data))
        data += piece
        while (end := data.find(0, begin)) >= 0:
            if end == begin:
                return _whole(data, end + 1)
            arguments += 1
            _require_limits(begin, end, arguments)
            operands += operands >= 0 or data[begin:end] == b"."
            begin = end + 1
        _require_limits(begin, len(data), arguments)


def _read_through(read: Reader, inside: bool, operands: int) -> bytes:
    """Return what comes up to the next NUL, and a bit more where a well-formed list has more.

    INSIDE an argument, or where one begins; b"" at the end of the input. A list that is not
    well-formed is refused, and then nobody wants the bytes behind it.
    """
    if operands < 0:
        count = len(b"\0/\0\0")  # what was read may end with the "." itself
    elif inside:
        count = len(END)
    else:
        count = 1 if operands else len(b"/" + END)
    piece = read(count)
    if 0 in piece or operands < 0:
        return piece
    # From here on inside an argument. A tight loop: a list may have 65 000 such pieces.
    pieces = [piece]
    while piece and 0 not in piece and len(pieces) <= MAX_ARGUMENT:
        piece = read(2)
        pieces.append(piece)
    return b"".join(pieces)


def _whole(data: bytearray, length: int) -> bytes:
    if length != len(data):
        raise _refused("the list ends before its paths", length)
    return bytes(data)


def _require_limits(begin: int, end: int, arguments: int) -> None:
    """Refuse an argument, or what is there of it, from BEGIN to END that passes a limit."""
    if arguments > MAX_ARGUMENTS:
        raise _refused(f"the list has more than {MAX_ARGUMENTS} arguments", begin)
    if end - begin > MAX_ARGUMENT:
        raise _refused(f"an argument has more than {MAX_ARGUMENT} bytes", begin)
    if end > MAX_LIST:
        raise _refused(f"the list has more than {MAX_LIST} bytes", end)


def _refused(detail: str, offset: int) -> Refused:
    return Refused(Reason.BAD_SECLUDED_LIST, detail, offset, in_list=True)
