"""The rehearsal: every step of confinement taken for real, in a process that then ends."""

from __future__ import annotations

import errno
import os

from ..vocabulary import Operation
from . import capabilities, kernel, landlock, masks, namespaces, seccomp
from .abilities import Abilities
from .account import choose
from .places import Pathfinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable, Final

    Step = tuple[str, Callable[[], None]]

_SOMETHING: Final = b"/etc"  # exists everywhere; the rehearsal masks it for itself


def rehearse(
    operation: str, landlock_limit: int = landlock.NEWEST, thorough: bool = False
) -> Abilities:
    """Return what really works here for OPERATION, by doing it in a child that exits.

    A jail, which takes longest, is tried where Landlock does not do, or to be THOROUGH.
    """
    root = os.geteuid() == 0
    version = landlock.abi(landlock_limit)
    jailed = thorough or not landlock.suffices(version, operation == Operation.RESTORE)
    told = _run(_steps(operation, version, root, jailed))
    done = {name for name, fault in told.items() if not fault}
    return Abilities(
        landlock=version if "landlock" in done else 0,
        errata=landlock.errata(),
        seccomp="seccomp" in done,
        namespace="namespace" in done,
        jail="jail" in done,
        account="account" in done,
        limit="limit" in done,
        root=root,
        failures=tuple((name, fault) for name, fault in told.items() if fault),
    )


def _steps(operation: str, version: int, root: bool, jailed: bool) -> Sequence[Step]:
    """Return the steps in the order of a real run; each leaves the process fit for the next."""
    privileged: Sequence[Step] = (
        ("namespace", _mask_something),
        *((("jail", _enter_jail),) if jailed else ()),
        ("account", _become_reader)
        if operation == Operation.BACKUP
        else ("limit", lambda: capabilities.limit_root(capabilities.for_restore(True, True))),
    )
    return (
        *(privileged if root else ()),
        ("no-new-privileges", capabilities.forbid_new_privileges),
        ("landlock", lambda: landlock.Ruleset(version).enforce()),
        ("seccomp", _install_filter),
    )


def _mask_something() -> None:
    namespaces.enter((), Pathfinder())
    masks.cover((_SOMETHING,))


def _enter_jail() -> None:
    from . import jail

    jail.enter(_SOMETHING, (), Pathfinder())


def _become_reader() -> None:
    account = choose(alone=False)
    if account is None:
        raise OSError(errno.EBUSY, "no account of its own is left")
    capabilities.become_reader(account.uid, account.gid)


def _install_filter() -> None:
    if not seccomp.is_known(kernel.MACHINE):
        raise OSError(errno.ENOSYS, f"seccomp: calls of {kernel.MACHINE} are not known")
    seccomp.install(seccomp.program(kernel.MACHINE, 0, read_only=True))


def _run(steps: Sequence[Step]) -> Mapping[str, str]:
    """Take STEPS in a child; return the fault of each by name, "" for none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            for name, take in steps:
                os.write(writing, f"{name}\t{_fault_of(take)}\n".encode())
        finally:  # whatever was raised: the copy of the caller ends here
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answers:
        told = dict(line.rstrip("\n").split("\t") for line in answers)
    os.waitpid(child, 0)
    return {name: told.get(name, "the rehearsal ended before") for name, _ in steps}


def _fault_of(take: Callable[[], None]) -> str:
    try:
        take()
    except OSError as error:
        return error.strerror or str(error)
    except KeyError:
        return "the kernel has none"  # of a version that there is no rule set for
    return ""
