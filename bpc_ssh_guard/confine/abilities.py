"""What this kernel lets this account do, learnt by asking for it in ways that change nothing."""

from __future__ import annotations

import os

from . import capabilities, landlock, namespaces, seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Abilities:
    """Which layers of confinement can be had; `failures` says of a missing one why, if known.

    `landlock` is the version of the interface, 0 without; `namespace` covers masks and read-only
    mounts; `jail` a root of its own in it; `account` a uid of its own with a capability; `limit`
    uid 0 with few capabilities. `root` tells whether there is something to give up.
    """

    __slots__ = (
        "account", "errata", "failures", "jail", "landlock", "limit", "namespace", "root",
        "seccomp",
    )
    landlock: Final[int]
    errata: Final[int]
    seccomp: Final[bool]
    namespace: Final[bool]
    jail: Final[bool]
    account: Final[bool]
    limit: Final[bool]
    root: Final[bool]
    failures: Final[tuple[tuple[str, str], ...]]

    def __init__(
        self,
        landlock: int = 0,
        errata: int = 0,
        seccomp: bool = False,
        namespace: bool = False,
        jail: bool = False,
        account: bool = False,
        limit: bool = False,
        root: bool = False,
        failures: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.landlock = landlock
        self.errata = errata
        self.seccomp = seccomp
        self.namespace = namespace
        self.jail = jail
        self.account = account
        self.limit = limit
        self.root = root
        self.failures = failures


def ask(landlock_limit: int = landlock.NEWEST) -> Abilities:
    """Return what should work here: a few system calls, no process, and no change.

    A step may still fail when it is taken, and then nothing runs; where the choice between layers
    must be sure beforehand, probe.rehearse() takes every step in a process of its own.
    """
    held = capabilities.Held()
    may_mount = held.effective & capabilities.SYS_ADMIN != 0 and namespaces.is_permitted()
    may_change = capabilities.SETUID | capabilities.SETGID | capabilities.SETPCAP
    may_limit = capabilities.SETPCAP | capabilities.SETGID | capabilities.WRITE
    reader = may_change | capabilities.READ
    return Abilities(
        landlock=landlock.abi(landlock_limit),
        errata=landlock.errata(),
        seccomp=seccomp.is_available(),
        namespace=may_mount,
        jail=may_mount,
        account=held.effective & reader == reader,
        limit=held.effective & may_limit == may_limit,
        root=os.geteuid() == 0,
    )
