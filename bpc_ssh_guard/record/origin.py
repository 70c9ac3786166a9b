"""Where a guard run happens and for whom, as members of its records: machine, caller and key."""

from __future__ import annotations

import os
import pwd

from .. import __version__
from .connection import Connection
from .line import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from .line import Member

KEY_WORD_LIMIT: Final = 64  # twice a valid label or KEYID: a wrong one still shows how it is wrong

_BOOT_ID: Final = b"/proc/sys/kernel/random/boot_id"


def machine_members() -> list[Member]:
    """Return the members that name this machine, its boot, and this guard process."""
    return [
        ("host.name", os.uname().nodename),
        *_boot_id(),
        ("observer.version", __version__),
        ("process.pid", os.getpid()),
    ]


def caller_members(ssh_connection: Optional[bytes]) -> list[Member]:
    """Return the members that say from where the key logged in and as which user."""
    members: list[Member] = []
    connection = Connection.from_words(ssh_connection)
    if connection is not None:
        members += [
            ("source.ip", connection.source),
            ("source.port", connection.source_port),
            ("destination.ip", connection.destination),
            ("destination.port", connection.destination_port),
        ]
    user_id = os.getuid()
    return [*members, *_user_name(user_id), ("user.id", str(user_id))]


def key_members(label: bytes, key_id: bytes) -> list[Member]:
    """Return the members that name the key, as its forced command does."""
    return [
        ("bpc.key.label", text(label, KEY_WORD_LIMIT)),
        ("bpc.key.id", text(key_id, KEY_WORD_LIMIT)),
    ]


def _user_name(user_id: int) -> list[Member]:
    try:
        return [("user.name", pwd.getpwuid(user_id).pw_name)]
    except KeyError:
        return []  # the account was removed after its login: not known


def _boot_id() -> list[Member]:
    try:
        descriptor = os.open(_BOOT_ID, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []  # no /proc in this namespace: not known
    try:
        return [("host.boot.id", text(os.read(descriptor, 64).strip()))]
    except OSError:
        return []
    finally:
        os.close(descriptor)
