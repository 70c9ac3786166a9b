"""Turn the table of system calls into filter programs and the numbers that the guard needs.

Build time only: `python -m bpc_ssh_guard.confine.compile` writes tables.py, which is committed, and
a test proves it fresh. A program is classic BPF (seccomp(2)). What to do with a call is found by
bisection: eight comparisons for any, and few for the kernel to try when it installs the program.
"""

from __future__ import annotations

import os
import sys

from . import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final, Optional

    # Instructions, struct sock_filter as one number each.
    Code = tuple[int, ...]
    Run = tuple[int, Code]

# Stands for the address of the one path that may be executed; known at run time only.
PLACEHOLDER: Final = 0x7E57AB1E_5EC0FFEE

ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # include/uapi/linux/audit.h

# What the guard itself calls.
CALLS: Final = """
capget capset execve landlock_add_rule landlock_create_ruleset landlock_restrict_self mount
mount_setattr move_mount open_tree pivot_root prctl seccomp umount2 unshare
"""

_ALWAYS: Final = """
socket connect bind listen accept accept4
ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd pidfd_send_signal
memfd_create memfd_secret userfaultfd
io_uring_setup io_uring_enter io_uring_register
open_by_handle_at
mount umount2 pivot_root chroot unshare setns
open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
bpf perf_event_open keyctl add_key request_key init_module finit_module delete_module
kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd syslog
lookup_dcookie nfsservctl fanotify_init fanotify_mark vhangup sethostname setdomainname
settimeofday clock_settime adjtimex clock_adjtime personality
ioperm iopl modify_ldt _sysctl uselib ustat sysfs
setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset
seccomp landlock_create_ruleset
shmget shmat shmctl semget semctl msgget msgctl mq_open mq_unlink
inotify_init inotify_init1 inotify_add_watch
setpriority ioprio_set sched_setaffinity sched_setattr sched_setparam sched_setscheduler
"""  # by kind: sockets, other processes, code from memory, io_uring, files by handle …

_CHANGES: Final = """
chmod fchmod fchmodat chown fchown lchown fchownat utime utimes utimensat futimesat
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
unlink unlinkat rmdir mkdir mkdirat rename renameat renameat2 link linkat symlink symlinkat
mknod mknodat truncate ftruncate creat fallocate sync syncfs copy_file_range
"""

_MODE_ARGUMENT: Final = {"chmod": 1, "fchmod": 1, "fchmodat": 2}

_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_NUMBER: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE: Final = 4

_ERROR: Final = 0x00050000  # plus errno
_KILL: Final = 0x80000000

_X32: Final = 0x40000000  # the bit of the x32 calls, a second table of the same machine
_NEW_NAMESPACES: Final = 0x7E020000  # CLONE_NEW* of clone(2)
_TIOCSTI: Final = 0x5412  # types into a terminal
_TIOCLINUX: Final = 0x541C
_SET_USER_ID: Final = 0o4000


def program(machine: str, read_only: bool, setuid: bool) -> bytes:
    """Return the filter for MACHINE.

    READ_ONLY forbids every change; without SETUID no file gets a set-user-id bit by chmod.
    """
    runs = _runs(_actions(syscalls.numbers(machine), read_only, setuid))
    code = (
        _op(_LOAD, _ARCHITECTURE),
        _op(_EQUAL, ARCHITECTURES[machine], 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER),
        *_bisect(runs),
    )
    return b"".join(each.to_bytes(8, "little") for each in code)


def _actions(
    numbers: Mapping[str, Optional[int]], read_only: bool, setuid: bool
) -> Mapping[int, Code]:
    """Return what to do at each number that is not simply allowed."""
    forbidden = _ALWAYS + _CHANGES if read_only else _ALWAYS
    by_name: dict[str, Code] = dict.fromkeys(forbidden.split(), _FORBID)
    if not read_only and not setuid:
        for name, argument in _MODE_ARGUMENT.items():
            by_name[name] = _unless_bits(argument, _SET_USER_ID)
    by_name["clone3"] = _UNKNOWN  # its flags are out of reach; the C library takes clone then
    by_name["execveat"] = _NO_EXECUTION
    by_name["execve"] = _only_address(PLACEHOLDER)
    by_name["clone"] = _unless_bits(0, _NEW_NAMESPACES)
    by_name["prlimit64"] = _only_own_process(0)
    by_name["ioctl"] = _unless_values(1, _TIOCSTI, _TIOCLINUX)
    found = [(numbers[name], action) for name, action in by_name.items()]
    return {number: action for number, action in found if number is not None}


def _runs(actions: Mapping[int, Code]) -> list[Run]:
    """Return first number and action of each run of numbers with the same action, in order."""
    runs: list[Run] = [(0, _PERMIT)]
    for number in sorted(actions):
        if runs[-1][1] is not actions[number]:
            runs.append((number, actions[number]))
        if number + 1 not in actions:
            runs.append((number + 1, _PERMIT))
    # What came later is answered as by a kernel that lacks it; x32 is a door to other numbers.
    return [*runs, (syscalls.LAST + 1, _UNKNOWN), (_X32, (_op(_RETURN, _KILL),))]


def _bisect(runs: Sequence[Run]) -> Code:
    """Return code that performs the action of the run that the loaded number lies in."""
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    lower, upper = _bisect(runs[:middle]), _bisect(runs[middle:])
    return (_op(_AT_LEAST, runs[middle][0], len(lower), 0), *lower, *upper)


def _only_address(address: int) -> Code:
    return (
        _op(_LOAD, _low(0)),
        _op(_EQUAL, address & 0xFFFFFFFF, 0, 3),
        _op(_LOAD, _low(0) + 4),
        _op(_EQUAL, address >> 32, 0, 1),
        *_PERMIT,
        *_NO_EXECUTION,
    )


def _only_own_process(argument: int) -> Code:
    return (_op(_LOAD, _low(argument)), _op(_EQUAL, 0, 0, 1), *_PERMIT, *_FORBID)


def _unless_bits(argument: int, bits: int) -> Code:
    return (_op(_LOAD, _low(argument)), _op(_ANY_BIT, bits, 0, 1), *_FORBID, *_PERMIT)


def _unless_values(argument: int, one: int, other: int) -> Code:
    tests = (_op(_LOAD, _low(argument)), _op(_EQUAL, one, 1, 0), _op(_EQUAL, other, 0, 1))
    return (*tests, *_FORBID, *_PERMIT)


def _low(argument: int) -> int:
    """Return the offset of the low half of ARGUMENT in struct seccomp_data, little-endian."""
    return 16 + 8 * argument


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> int:
    """Return one instruction; the jumps count the instructions left out."""
    return code | if_true << 16 | if_false << 24 | value << 32


_PERMIT: Final = (_op(_RETURN, 0x7FFF0000),)
_FORBID: Final = (_op(_RETURN, _ERROR | 1),)  # EPERM
_NO_EXECUTION: Final = (_op(_RETURN, _ERROR | 13),)  # EACCES
_UNKNOWN: Final = (_op(_RETURN, _ERROR | 38),)  # ENOSYS


def tables() -> str:
    """Return the text of tables.py."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield '"""System call numbers and filters, generated by compile.py; do not edit."""\n\n'
    yield "from __future__ import annotations\n\n"
    yield f"PLACEHOLDER: int = {PLACEHOLDER:#x}\n"
    yield "NUMBERS: dict[str, dict[str, int]] = {\n"
    for machine in syscalls.MACHINES:
        yield f'    "{machine}": {{\n'
        numbers = syscalls.numbers(machine)
        yield from (f'        "{name}": {numbers[name]},\n' for name in CALLS.split())
        yield "    },\n"
    yield "}\n"
    yield "# By machine, read-only or not, set-user-id bits or not: BPF in hexadecimal.\n"
    yield "FILTERS: dict[tuple[str, bool, bool], str] = {\n"
    for machine in syscalls.MACHINES:
        for read_only, setuid in ((True, False), (False, False), (False, True)):
            yield f'    ("{machine}", {read_only}, {setuid}): (\n'
            text = program(machine, read_only, setuid).hex()
            yield from (f'        "{text[at : at + 80]}"\n' for at in range(0, len(text), 80))
            yield "    ),\n"
    yield "}\n"


def main() -> int:
    """Write tables.py beside this module; return the exit status."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tables.py")
    with open(path, "w", encoding="ascii") as file:
        file.write(tables())
    return 0


if __name__ == "__main__":
    sys.exit(main())
