"""Powers given up for good: a backup keeps the one to read, a restore those to recreate files.

The program gets them as ambient capabilities (capabilities(7)): with no_new_privs and its own uid,
nothing on the disk can give it more.
"""

from __future__ import annotations

import errno
import os

from . import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

# Bits of include/uapi/linux/capability.h.
CHOWN: Final = 1 << 0
DAC_OVERRIDE: Final = 1 << 1
DAC_READ_SEARCH: Final = 1 << 2
FOWNER: Final = 1 << 3
FSETID: Final = 1 << 4
SETGID: Final = 1 << 6
SETUID: Final = 1 << 7
SETPCAP: Final = 1 << 8
SYS_ADMIN: Final = 1 << 21
MKNOD: Final = 1 << 27
SETFCAP: Final = 1 << 31

READ: Final = DAC_READ_SEARCH
WRITE: Final = CHOWN | DAC_OVERRIDE | DAC_READ_SEARCH | FOWNER

_VERSION_3: Final = 0x20080522
_BITS: Final = 64  # two words in the calls; the kernel has 41 capabilities today

_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_CAPBSET_DROP: Final = 24
_PR_SET_SECUREBITS: Final = 28
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_AMBIENT_RAISE: Final = 2
_AMBIENT_CLEAR_ALL: Final = 4
# NOROOT and NO_SETUID_FIXUP with their locks, and the lock of KEEP_CAPS: uid 0 is an account like
# any other from then on.
_ROOT_IS_NOBODY: Final = 0x2F


class Held:
    """The capabilities that this process has: usable now, and those it may make usable."""

    __slots__ = ("effective", "permitted")

    def __init__(self) -> None:
        data = kernel.Buffer(bytes(24))
        kernel.call("capget", _header(), data.address)
        low = [int.from_bytes(data.data[at : at + 4], "little") for at in range(0, 24, 4)]
        self.effective: Final = low[0] | low[3] << 32
        self.permitted: Final = low[1] | low[4] << 32


def for_restore(devices: bool, setuid: bool) -> int:
    """Return what a restore as root keeps.

    Without SETUID no file gets capabilities of its own, and a set-group-id bit is dropped by
    the kernel unless the file's group is root's.
    """
    return WRITE | (MKNOD if devices else 0) | (FSETID | SETFCAP if setuid else 0)


def for_reading() -> int:
    """Return what a backup under the caller's own uid keeps, of what it has."""
    return READ if Held().permitted & READ else DAC_OVERRIDE


def become_reader(uid: int, gid: int) -> None:
    """Turn root into UID and GID with the power to read every file and no other."""
    _drop_bounding(READ)
    os.setgroups([])
    _control(_PR_SET_KEEPCAPS, 1)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _set(READ, READ, READ)
    _raise_ambient(READ)


def limit_root(keep: int) -> None:
    """Keep only the capabilities KEEP as uid 0, whose programs get no others from then on."""
    _drop_bounding(keep)
    os.setgroups([])
    _set(keep | SETPCAP, keep | SETPCAP, keep)
    _control(_PR_SET_SECUREBITS, _ROOT_IS_NOBODY)
    _set(keep, keep, keep)
    _raise_ambient(keep)


def lower(keep: int) -> None:
    """Keep at most KEEP of what this process has; asks for no privilege.

    Without SETPCAP the bounding set stays; under no_new_privs a program gains nothing from it.
    """
    kept = keep & Held().permitted
    _set(kept, kept, kept)
    _raise_ambient(kept)


def forbid_new_privileges() -> None:
    """Make set-user-id bits and file capabilities mean nothing to the programs that follow."""
    _control(_PR_SET_NO_NEW_PRIVS, 1)


def forbid_inspection() -> None:
    """Keep other processes out of this one's memory and leave no core file."""
    _control(_PR_SET_DUMPABLE, 0)


def bits(mask: int) -> Iterable[int]:
    """Return the number of each bit in MASK, from 0 to 63."""
    return (number for number in range(_BITS) if mask >> number & 1)


def _drop_bounding(keep: int) -> None:
    try:
        for number in bits(~keep):
            _control(_PR_CAPBSET_DROP, number)
    except OSError as error:
        if error.errno != errno.EINVAL:  # above the last that this kernel has
            raise


def _set(effective: int, permitted: int, inheritable: int) -> None:
    low = [each & 0xFFFFFFFF for each in (effective, permitted, inheritable)]
    high = [each >> 32 for each in (effective, permitted, inheritable)]
    kernel.call("capset", _header(), kernel.words(*low, *high, size=4))


def _raise_ambient(keep: int) -> None:
    _control(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    for number in bits(keep):
        _control(_PR_CAP_AMBIENT, _AMBIENT_RAISE, number)


def _header() -> bytes:
    return kernel.words(_VERSION_3, 0, size=4)


def _control(option: int, value: int, more: int = 0) -> None:
    kernel.call("prctl", option, value, more, 0, 0)
