"""Places of the system that a restore root must keep away from, lest a restore become a login."""

from __future__ import annotations

import os

from ..command.paths import is_beneath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final, Optional

# Whoever writes here runs programs as root at the next boot, login, cron run or command.
_SYSTEM: Final = (
    b"/etc", b"/root", b"/usr", b"/bin", b"/sbin", b"/lib", b"/lib32", b"/lib64", b"/libx32",
    b"/boot", b"/dev", b"/proc", b"/sys", b"/run", b"/var/spool/cron", b"/var/lib/bpc-ssh-guard",
)
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(os.fsencode(__file__))))
_ACCOUNTS: Final = b"/etc/passwd"  # read as it is: an account server may be slow or large
_NO_LOGIN: Final = (b"nologin", b"false", b"sync")


def find_overlap(root: bytes, own: Sequence[bytes]) -> Optional[bytes]:
    """Return the place that ROOT holds or lies in, or None; symbolic links on its way followed.

    Places are the system's own, the guard's code, its OWN files, and every login's .ssh folder.
    """
    places = (*_SYSTEM, *_code(), *own, *map(os.path.realpath, own), *_ssh_folders())
    for spelling in (root, os.path.realpath(root)):
        for place in places:
            if is_beneath(place, spelling) or is_beneath(spelling, place):
                return place
        if is_beneath(b"/home", spelling):
            return b"/home"
        # The home of an account that /etc/passwd does not list, or its .ssh folder.
        _, _, inside = spelling.rstrip(b"/").partition(b"/home/")
        if spelling.startswith(b"/home/") and b"/" not in inside:
            return spelling.rstrip(b"/") + b"/.ssh"
        if spelling.startswith(b"/home/") and b".ssh" in inside.split(b"/"):
            return spelling
    return None


def _code() -> Iterator[bytes]:
    """Yield the folders of the guard's own modules and of its launchers."""
    prefix, lib, _ = _PACKAGE.rpartition(b"/lib/bpc-ssh-guard/")
    if lib:  # PREFIX/lib/bpc-ssh-guard/VERSION-N/bpc_ssh_guard, as guardctl install lays it
        yield prefix + lib.rstrip(b"/")
        yield prefix + b"/sbin"
    else:
        yield _PACKAGE


def _ssh_folders() -> Iterator[bytes]:
    """Yield the .ssh folder of every local account that can log in."""
    try:
        with open(_ACCOUNTS, "rb") as accounts:
            lines = accounts.read().split(b"\n")
    except OSError:
        return
    for line in lines:
        fields = line.split(b":")
        if len(fields) == 7 and fields[6].rpartition(b"/")[2] not in _NO_LOGIN:
            home = fields[5].rstrip(b"/")
            if home.startswith(b"/"):
                yield home + b"/.ssh"
