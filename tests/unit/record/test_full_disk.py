"""The log on real file systems that are full, read-only or another account's; and its durability.

Each lab has a mount namespace of its own, where nothing of the machine changes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.record.sink import Sink

from . import scenes

pytestmark = pytest.mark.lab

APPEND = "from tests.unit.record import test_full_disk as lab; lab.{name}({directory!r})"


def in_namespace(name: str, directory: bytes, *wrapper: str) -> str:
    """Run the function NAME of this module on DIRECTORY; return what it prints."""
    names = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "-m"]
    script = APPEND.format(name=name, directory=directory)
    done = subprocess.run(
        [*(wrapper or names), sys.executable, "-c", script],
        cwd=scenes.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def mount_small(directory: bytes, *options: str) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(["size=64k", "mode=0750", *options]), "tmpfs"]
    subprocess.run([*mount, os.fsdecode(directory)], check=True)


def fill(directory: bytes) -> None:
    mount_small(directory)
    sink = Sink.open(directory)
    session = scenes.session()
    count = 0
    while True:
        size = os.stat(scenes.log_path(directory)).st_size if count else 0
        try:
            sink.append(scenes.started(session))
        except GuardFailure as failure:
            print(failure.reason, failure.detail)
            break
        count += 1
    assert os.stat(scenes.log_path(directory)).st_size == size
    assert len(scenes.records(directory)) == count > 20


def test_a_full_disk_keeps_whole_records_only(directory) -> None:
    os.mkdir(directory)
    said = in_namespace("fill", directory)
    assert said.startswith("cannot-record ")
    assert "make room on its file system" in said


def write_read_only(directory: bytes) -> None:
    mount_small(directory, "ro")
    with pytest.raises(GuardFailure) as caught:
        Sink.open(directory).append(b"{}\n")
    print(caught.value.detail)


def test_a_read_only_file_system_is_a_failure(directory) -> None:
    os.mkdir(directory)
    assert "mount its file system writable" in in_namespace("write_read_only", directory)


def open_foreign(directory: bytes) -> None:
    with pytest.raises(GuardFailure) as caught:
        Sink.open(directory)
    print(caught.value.detail)


def test_refuses_a_log_of_another_account(directory) -> None:
    if os.geteuid() == 0:
        os.mkdir(directory, 0o755)
        os.chown(directory, 1, -1)
    else:
        directory = b"/usr"  # root's, and root is unknown where only the own account is mapped
    said = in_namespace("open_foreign", directory, "unshare", "--user", "--map-user=1000")
    assert said.startswith(os.fsdecode(directory) + ": it belongs to user 65534; ")


def write_once(directory: bytes) -> None:
    sink, line = Sink.open(directory), scenes.started(scenes.session())
    os.write(2, b"append begins\n")
    sink.append(line)
    os.write(2, b"append ended\n")


def test_a_line_is_written_at_once_under_the_lock_and_synced(directory, tmp_path) -> None:
    os.mkdir(directory)
    os.close(os.open(scenes.log_path(directory), os.O_CREAT, 0o640))
    trace = tmp_path / "trace"
    calls = "flock,write,pwrite64,writev,fdatasync,close"
    in_namespace("write_once", directory, "strace", "-o", str(trace), "-e", f"trace={calls}")
    told = trace.read_text()
    between = told[told.index("append begins") : told.index("append ended")]
    names = re.findall(r"^(\w+)\(", between[between.index("\n") + 1 :], re.MULTILINE)
    assert names == ["flock", "write", "fdatasync", "close", "write"]
