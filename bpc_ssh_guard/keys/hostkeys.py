"""The host keys that clients are known by: pinned by a fingerprint that the admin brought.

A key is never taken because a client showed it: the fingerprint comes from the client's console, by
a way that is not this network.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Optional

from .durable import FILE_MODE, make_folder, replace
from .files import group_of, require_own
from .transport import shown_host_key
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from .config import Config, Host

LIMIT: Final = 64 * 1024  # of a file of host keys, which has a line or two
READ_IT: Final = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"


@dataclass(frozen=True)
class HostKey:
    """A host's key: what was done about it, and its fingerprint, SHA256:..."""

    host: str
    result: str  # pinned, already, same or different
    fingerprint: str

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return dict(vars(self))


def pin(
    config: Config, host: Host, fingerprint: Optional[str], another: bool = False
) -> HostKey:
    """Store the key that HOST shows if it has the FINGERPRINT; raises Trouble.

    ANOTHER: it may take the place of a stored one.
    """
    line, shown = require_shown(host, fingerprint or host.fingerprint)
    found = stored(config, host)
    if found == line:
        return HostKey(host.name, "already", shown)
    if found and not another:
        raise Trouble(Word.HOST_KEY, f"another host key is stored; if this one is right:"
                                     f" bpc-ssh-keys hostkey rotate {host.name}")
    put(config, host, line)
    return HostKey(host.name, "pinned", shown)


def require_shown(host: Host, wanted: Optional[str]) -> tuple[bytes, str]:
    """Return the line of the key that HOST shows, and its fingerprint: WANTED, or it is refused.

    Raises Trouble.
    """
    if not wanted:
        raise Trouble(Word.HOST_KEY, f"name its fingerprint with --fingerprint; on {host.name}:"
                                     f" {READ_IT}")
    kind, blob, shown = shown_host_key(host)
    if not hmac.compare_digest(shown.encode(), wanted.encode()):
        raise Trouble(Word.HOST_KEY, f"shows the host key {shown}, not {wanted}: it is another"
                                     f" machine, or somebody is between; on {host.name}: {READ_IT}")
    return f"{host.name} {kind} {blob}\n".encode("ascii"), shown


def put(config: Config, host: Host, line: bytes) -> None:
    """Store LINE as the key of HOST, durably; raises Trouble."""
    group = group_of(config.reader)
    for folder in (config.var, config.known_hosts):
        require_own(folder)
    path = config.known_hosts / host.name
    try:
        make_folder(config.known_hosts, group)
        replace(path, line, FILE_MODE, group)
    except OSError as error:
        raise Trouble(Word.FILES, f"{error.filename or path}: {error.strerror}") from None


def verify(config: Config, host: Host) -> HostKey:
    """Tell whether HOST shows the key that is stored; raises Trouble."""
    kind, blob, shown = shown_host_key(host)
    if not stored(config, host):
        raise Trouble(Word.HOST_KEY, f"no host key is stored; bpc-ssh-keys hostkey pin {host.name}")
    lines = stored(config, host).splitlines()
    same = f"{host.name} {kind} {blob}".encode("ascii") in lines
    return HostKey(host.name, "same" if same else "different", shown)


def stored(config: Config, host: Host) -> bytes:
    """Return the lines that are stored of HOST, none where there is no file; raises Trouble."""
    path = config.known_hosts / host.name
    try:
        with open(path, "rb") as file:
            return file.read(LIMIT)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
