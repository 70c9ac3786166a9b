"""What the peer asked for, as members of a record: capped, with the hash and size of all of it."""

from __future__ import annotations

import binascii

from ..lean import sha256
from .line import ARRAY_LIMIT, TEXT_LIMIT, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from .line import Member


def command_members(command: Optional[bytes]) -> list[Member]:
    """Return the members that show COMMAND, the raw SSH_ORIGINAL_COMMAND; none if there was none.

    The base64 form is there when the text form can't be turned back into the bytes.
    """
    if command is None:
        return []
    head = command[:TEXT_LIMIT]
    members: list[Member] = [
        ("process.command_line", text(head)),
        ("bpc.command.bytes", len(command)),
        ("bpc.command.sha256", sha256(command).hexdigest()),
    ]
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        base64 = binascii.b2a_base64(head, newline=False).decode("ascii")
        members.append(("bpc.command.base64", base64))
    return members


def secluded_members(secluded: Optional[bytes]) -> list[Member]:
    """Return the members that show SECLUDED, the raw list from standard input; none without one."""
    if secluded is None:
        return []
    # Each argument ends in NUL, an empty one ends the list, and the first is a program name
    # that rsync puts there and ignores (send_protected_args, rsync.c).
    arguments = secluded.removesuffix(b"\0").removesuffix(b"\0").split(b"\0")[1:]
    return [
        ("bpc.secluded.args", texts(arguments[:ARRAY_LIMIT])),
        ("bpc.secluded.count", len(arguments)),
        ("bpc.secluded.bytes", len(secluded)),
        ("bpc.secluded.sha256", sha256(secluded).hexdigest()),
    ]
