"""System calls are checked, and made alike through both doors of ctypes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from bpc_ssh_guard.confine import kernel, tables

PR_GET_DUMPABLE = 3


def test_failed_call_raises_its_errno_and_name() -> None:
    with pytest.raises(OSError, match="umount2: No such file or directory") as caught:
        kernel.call("umount2", b"", 0)

    assert caught.value.errno == errno.ENOENT


def test_call_that_this_machine_lacks_raises_enosys() -> None:
    with pytest.raises(OSError, match="no_such_call: ") as caught:
        kernel.call("no_such_call")

    assert caught.value.errno == errno.ENOSYS


def test_kernel_writes_into_a_buffer() -> None:
    data = kernel.Buffer(bytes(24))

    kernel.call("capget", kernel.words(0x20080522, 0, size=4), data.address)

    with open("/proc/self/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    assert int.from_bytes(data.data[:4], "little") == int(lines["CapEff"], 16) & 0xFFFFFFFF


def test_wide_integers_arrive_whole() -> None:
    with pytest.raises(OSError, match="prctl") as caught:
        kernel.call("prctl", 38, 1 << 32 | 1, 0, 0, 0)  # not 1, the only value for no_new_privs

    assert caught.value.errno == errno.EINVAL


def test_public_ctypes_does_as_well_where_its_c_half_has_changed() -> None:
    script = (
        "import ctypes, sys, types\n"
        "sys.modules['_ctypes'] = types.ModuleType('_ctypes')\n"
        "from bpc_ssh_guard.confine import kernel\n"
        f"print(kernel.call('prctl', {PR_GET_DUMPABLE}), kernel.Buffer(b'ab').data)\n"
        "try: kernel.call('umount2', b'', 0)\n"
        "except OSError as error: print(error.errno)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout == f"1 b'ab'\n{errno.ENOENT}\n"


def test_makes_no_call_on_a_machine_without_table() -> None:
    assert os.uname().machine in tables.NUMBERS
    assert tables.NUMBERS.get("riscv64") is None


@pytest.mark.parametrize("module", ["ctypes", "struct", "enum", "re", "typing", "json"])
def test_confinement_imports_nothing_heavy(module: str) -> None:
    script = (
        "import sys, bpc_ssh_guard.confine.profile, bpc_ssh_guard.confine.masks\n"
        "import bpc_ssh_guard.confine.jail, bpc_ssh_guard.confine.probe\n"
        f"print({module!r} in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {os.getcwd()!r})\n{script}"],
        capture_output=True, text=True, timeout=30, check=True,
    )

    assert done.stdout == "False\n"
