"""The filters, interpreted for both machines: what they allow, and with what they answer."""

from __future__ import annotations

import errno

import pytest

from bpc_ssh_guard.confine import compile as build
from bpc_ssh_guard.confine import kernel, seccomp, syscalls

from .forked import told_by

ALLOW, KILL = "allow", "kill"
ADDRESS = 0x7F12_3456_789A
MACHINES = pytest.mark.parametrize("machine", syscalls.MACHINES)
KINDS = pytest.mark.parametrize(
    ("read_only", "setuid"), [(True, False), (False, False), (False, True)]
)
Call = tuple[int, ...]
FORBIDDEN = build._ALWAYS.split()
CHANGES = build._CHANGES.split()
# What rsync and tar live on (strace of both), by machine.
NEEDED = {
    "x86_64": [0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 17, 20, 21, 22, 23, 32, 33, 35, 39, 53, 57, 58,
               60, 61, 62, 72, 73, 79, 80, 81, 89, 95, 96, 99, 102, 104, 107, 108, 110, 191, 192,
               193, 194, 195, 196, 202, 217, 218, 221, 228, 230, 231, 257, 262, 267, 269, 270, 271,
               273, 292, 293, 303, 318, 332, 334, 437],
    "aarch64": [8, 9, 10, 11, 12, 13, 17, 22, 23, 24, 25, 48, 49, 50, 56, 57, 59, 61, 62, 63, 64,
                65, 66, 67, 72, 73, 78, 79, 80, 93, 94, 96, 98, 99, 101, 113, 115, 129, 134, 135,
                153, 160, 166, 169, 172, 173, 174, 175, 176, 177, 178, 199, 214, 215, 222, 226, 260,
                264, 278, 293, 437],
}


def interpret(code: bytes, machine: str, call: Call, arch: int = 0) -> tuple[str | int, int]:
    """Return what the filter CODE answers to CALL (seccomp(2)), and after how many instructions."""
    words = [call[0], arch or build.ARCHITECTURES[machine], 0, 0]  # struct seccomp_data
    for argument in (*call[1:], 0, 0, 0, 0, 0, 0)[:6]:
        words += [argument & 0xFFFFFFFF, argument >> 32]
    at = value = steps = 0
    while True:
        op, (true, false) = code[at * 8], code[at * 8 + 2 : at * 8 + 4]
        k = int.from_bytes(code[at * 8 + 4 : at * 8 + 8], "little")
        at, steps = at + 1, steps + 1
        if op == 0x06:
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(k, k & 0xFFFF), steps
        if op == 0x20:
            value = words[k // 4]
        else:
            at += true if {0x15: value == k, 0x35: value >= k, 0x45: value & k}[op] else false


def run(code: bytes, machine: str, *call: int, arch: int = 0) -> str | int:
    """Return what the filter CODE answers to CALL, a number and its arguments."""
    return interpret(code, machine, call, arch)[0]


def answers(
    machine: str, name: str, *arguments: int, read_only: bool = True, setuid: bool = False
) -> str | int:
    """Return what the filter of MACHINE answers to the call NAME."""
    number = syscalls.numbers(machine)[name]
    assert number is not None
    return run(seccomp.program(machine, ADDRESS, read_only, setuid), machine, number, *arguments)


@MACHINES
@KINDS
def test_always_forbids_what_leads_out(machine: str, read_only: bool, setuid: bool) -> None:
    numbers = syscalls.numbers(machine)
    told = {
        name: answers(machine, name, read_only=read_only, setuid=setuid)
        for name in FORBIDDEN
        if numbers[name] is not None
    }

    assert set(told.values()) == {errno.EPERM}


@MACHINES
def test_forbids_a_backup_every_change(machine: str) -> None:
    numbers = syscalls.numbers(machine)

    assert {answers(machine, name) for name in CHANGES if numbers[name]} == {errno.EPERM}


@MACHINES
def test_allows_a_restore_to_change(machine: str) -> None:
    numbers = syscalls.numbers(machine)

    told = {answers(machine, name, read_only=False) for name in CHANGES if numbers[name]}
    assert told == {ALLOW}


@MACHINES
@KINDS
def test_allows_what_the_programs_live_on(machine: str, read_only: bool, setuid: bool) -> None:
    code = seccomp.program(machine, ADDRESS, read_only, setuid)

    refused = [number for number in NEEDED[machine] if run(code, machine, number) != ALLOW]
    assert refused == []


@MACHINES
@KINDS
def test_decides_each_number_as_the_list_says(machine: str, read_only: bool, setuid: bool) -> None:
    code = seccomp.program(machine, ADDRESS, read_only, setuid)
    special = {"execve", "execveat", "clone3", *build._MODE_ARGUMENT}
    numbers = {n: name for name, n in syscalls.numbers(machine).items() if name not in special}
    denied = {*FORBIDDEN, *(CHANGES if read_only else ())}

    for number in range(syscalls.LAST + 1):
        if number in numbers:
            expected = errno.EPERM if numbers[number] in denied else ALLOW
            assert run(code, machine, number) == expected, numbers[number]


@MACHINES
def test_allows_one_execve_by_the_address_of_its_path(machine: str) -> None:
    assert answers(machine, "execve", ADDRESS) == ALLOW
    for other in (0, ADDRESS + 1, ADDRESS & 0xFFFFFFFF, ADDRESS ^ 1 << 32, ADDRESS | 1 << 63):
        assert answers(machine, "execve", other) == errno.EACCES
    assert answers(machine, "execveat", ADDRESS) == errno.EACCES


@MACHINES
def test_allows_clone_without_new_namespaces(machine: str) -> None:
    assert answers(machine, "clone", 0x01200011) == ALLOW  # what fork(3) asks for
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answers(machine, "clone", 0x11 | bit) == errno.EPERM
    assert answers(machine, "clone3") == errno.ENOSYS


@MACHINES
def test_allows_ioctl_but_for_typing_into_terminals(machine: str) -> None:
    assert answers(machine, "ioctl", 1, 0x5401) == ALLOW
    assert answers(machine, "ioctl", 1, 0x5412) == errno.EPERM
    assert answers(machine, "ioctl", 1, 0x541C) == errno.EPERM
    # The kernel looks at the low half.
    assert answers(machine, "ioctl", 1, 0xFFFFFFFF00005412) == errno.EPERM


@MACHINES
def test_allows_limits_of_the_process_itself_only(machine: str) -> None:
    assert answers(machine, "prlimit64", 0, 7) == ALLOW
    assert answers(machine, "prlimit64", 1, 7) == errno.EPERM


@MACHINES
def test_refuses_set_user_id_modes_unless_accepted(machine: str) -> None:
    place = {"chmod": (0,), "fchmod": (0,), "fchmodat": (0, 0)}
    numbers = syscalls.numbers(machine)
    for name, before in place.items():
        if numbers[name] is None:
            continue
        for mode, expected in ((0o755, ALLOW), (0o2755, ALLOW), (0o4755, errno.EPERM)):
            assert answers(machine, name, *before, mode, read_only=False) == expected
        assert answers(machine, name, *before, 0o4755, read_only=False, setuid=True) == ALLOW


@MACHINES
def test_answers_calls_younger_than_the_table_as_an_older_kernel(machine: str) -> None:
    code = seccomp.program(machine, ADDRESS, read_only=False)

    for number in (451, 452, 463, 469, 999, 0x3FFFFFFF):
        assert run(code, machine, number) == errno.ENOSYS


@MACHINES
def test_kills_calls_of_another_architecture(machine: str) -> None:
    code = seccomp.program(machine, ADDRESS, read_only=False)

    for arch in (0x40000003, 0x40000028, *build.ARCHITECTURES.values()):
        if arch != build.ARCHITECTURES[machine]:
            assert run(code, machine, 0, arch=arch) == KILL


def test_kills_calls_of_the_x32_table() -> None:
    code = seccomp.program("x86_64", ADDRESS, read_only=False)

    for number in (0x40000000, 0x40000001, 0x40000208, 0xFFFFFFFF):
        assert run(code, "x86_64", number) == KILL


@MACHINES
@KINDS
def test_decides_any_call_in_few_steps(machine: str, read_only: bool, setuid: bool) -> None:
    code = seccomp.program(machine, ADDRESS, read_only, setuid)

    assert max(interpret(code, machine, (number,))[1] for number in range(500)) <= 20


def test_every_jump_ends_inside_the_program() -> None:
    for machine in syscalls.MACHINES:
        code = seccomp.program(machine, ADDRESS, read_only=True)
        count = len(code) // 8
        for at in range(count):
            op = int.from_bytes(code[at * 8 : at * 8 + 2], "little")
            if op & 0x07 == 0x05:
                assert at + 1 + max(code[at * 8 + 2], code[at * 8 + 3]) < count
        assert code[-8] == 0x06  # ends with an answer


def test_holds_in_the_kernel_for_good() -> None:
    def listen() -> object:
        import socket

        from bpc_ssh_guard.confine import capabilities

        capabilities.forbid_new_privileges()
        seccomp.install(seccomp.program(kernel.MACHINE, ADDRESS, read_only=True))
        return socket.socket().fileno()

    assert told_by(listen) == errno.EPERM


def test_is_available_here() -> None:
    assert seccomp.is_available()

