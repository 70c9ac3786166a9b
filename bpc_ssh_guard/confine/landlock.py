"""Landlock: the program may execute itself, read its libraries and work in the roots, no more.

The rights are allowed by file, whatever name leads to it: links, races and options change nothing.
"""

from __future__ import annotations

import errno
import os

from . import kernel, support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

    from .places import Pathfinder

    Need = tuple[bytes, int]

# The interface's versions (include/uapi/linux/landlock.h): what each can forbid in file systems,
# on the network, and towards processes outside. A newer one is used as the last one known.
KNOWN: Final[Mapping[int, tuple[int, ...]]] = {
    1: (0x1FFF,),
    2: (0x3FFF,),  # REFER: links and renames between folders, never allowed before
    3: (0x7FFF,),  # TRUNCATE
    4: (0x7FFF, 3),  # bind and connect TCP
    5: (0xFFFF, 3),  # IOCTL_DEV
    6: (0xFFFF, 3, 3),  # abstract sockets, signals
    7: (0xFFFF, 3, 3),  # denials are logged after execve too
}
NEWEST: Final = 7

EXECUTE_READ: Final = 0x5
READ: Final = 0x4
READ_TREE: Final = 0xC  # files and folders
NULL_DEVICE: Final = 0x4006  # read, write, truncate
WRITE_TREE: Final = 0x77BE  # everything but EXECUTE, IOCTL_DEV and making devices
WRITE_TREE_DEVICES: Final = 0x7FFE
ON_FILES: Final = 0xC007  # the rights that a rule on something else than a folder may carry

_VERSION: Final = 1  # flags of landlock_create_ruleset
_ERRATA: Final = 2
_PATH_BENEATH: Final = 1
_LOG_AFTER_EXEC: Final = 2  # flag of landlock_restrict_self, from version 7 on


def abi(limit: int = NEWEST) -> int:
    """Return the interface's version, at most LIMIT, or 0 where the kernel has none for us."""
    try:
        return min(kernel.call("landlock_create_ruleset", None, 0, _VERSION), limit, NEWEST)
    except OSError:
        return 0


def errata() -> int:
    """Return the bits of the corrections that the kernel has, 0 where it does not tell."""
    try:
        return kernel.call("landlock_create_ruleset", None, 0, _ERRATA)
    except OSError:
        return 0


def suffices(version: int, writable: bool) -> bool:
    """Tell whether VERSION does for the work: the first forbids hard links between folders."""
    return version >= (2 if writable else 1)


class Ruleset:
    """Rules for version ABI, in force from enforce() on."""

    __slots__ = ("_abi", "_descriptor", "_handled")

    def __init__(self, abi: int) -> None:
        self._abi: Final = abi
        self._handled: Final = KNOWN[abi][0]
        rights = kernel.words(*KNOWN[abi])
        self._descriptor: Final = kernel.call("landlock_create_ruleset", rights, len(rights), 0)

    def allow(self, descriptor: int, rights: int) -> None:
        """Allow RIGHTS on the file of DESCRIPTOR, or on everything below if it is a folder.

        On something else than a folder RIGHTS may hold no more than ON_FILES.
        """
        # struct landlock_path_beneath_attr is packed: 12 bytes.
        rule = (descriptor << 64 | rights & self._handled).to_bytes(12, "little")
        kernel.call("landlock_add_rule", self._descriptor, _PATH_BENEATH, rule)

    def enforce(self) -> None:
        """Hold this process and its children to the rules for good; needs no_new_privs."""
        flags = _LOG_AFTER_EXEC if self._abi >= 7 else 0
        kernel.call("landlock_restrict_self", self._descriptor, flags)
        os.close(self._descriptor)


def root_rights(writable: bool, devices: bool) -> int:
    """Return what a root may be used for: reading, or writing with or without device nodes."""
    if not writable:
        return READ_TREE
    return WRITE_TREE_DEVICES if devices else WRITE_TREE


def needs(program: bytes) -> tuple[Need, ...]:
    """Return what PROGRAM needs besides its data: paths, whether they exist or not, and rights."""
    return (
        *[(path, EXECUTE_READ) for path in support.programs(program)],
        *[(path, READ) for path in support.readable()],
        (support.NULL, NULL_DEVICE),
    )


def ruleset(
    abi: int, needs: Iterable[Need], roots: Iterable[bytes], rights: int, finder: Pathfinder
) -> Ruleset:
    """Return the rules that allow NEEDS, and RIGHTS on ROOTS; what is missing gets no rule.

    Paths are resolved now, the roots by FINDER: in a namespace with masks these are found in place
    of what they hide.
    """
    rules = Ruleset(abi)
    for path, allowed in needs:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        rules.allow(descriptor, allowed)
        os.close(descriptor)
    for root in roots:
        try:
            place = finder.find(root)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise
            continue
        with place:
            rules.allow(place.descriptor, rights if place.is_folder() else rights & ON_FILES)
    return rules
