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
from bpc_ssh_guard.record.sink import Kind

from . import scenes
from .verifier import verify

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
    size = ["size=5m", "mode=0750", *options]  # the reserve has 4 MiB
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(size), "tmpfs"]
    subprocess.run([*mount, os.fsdecode(directory)], check=True)


def fill(directory: bytes) -> None:
    """Fill log and state, which share a small file system; then refuse, end, and make room."""
    mount_small(directory)
    log = directory + b"/log"
    begun = scenes.begin(log)
    sink, session, count = scenes.open_sink(log), scenes.session(), 0
    for arguments in (40, 1):  # long records, then short ones into what those have left
        while True:
            size = os.stat(scenes.log_path(log)).st_size
            try:
                sink.append(scenes.started(session, argv=[b"x" * 1000] * arguments), Kind.START)
            except GuardFailure as failure:
                print(failure.reason, failure.detail)
                break
            count += 1
    assert count > 20
    assert os.stat(scenes.log_path(log)).st_size == size
    for _ in range(3):  # what may use the reserve still can
        sink.append(scenes.denied(session), Kind.REFUSAL, ("web1-backup", "0" * 32))
    sink.append(scenes.ended(session), Kind.END)
    with pytest.raises(GuardFailure):
        sink.append(scenes.started(session), Kind.START)
    subprocess.run(["mount", "-o", "remount,size=12m", os.fsdecode(directory)], check=True)
    sink.append(scenes.started(session), Kind.START)
    found = verify(log, begun.chain, begun.key)
    assert found.findings == []
    codes = [record.get("event.code") for record in found.records]
    assert codes.count("log-full") == 1
    assert len(found.records) == 1 + count + 3 + 1 + 2


def test_a_full_disk_keeps_whole_records_and_what_may_use_the_reserve(directory) -> None:
    os.mkdir(directory)
    said = in_namespace("fill", directory)
    assert said.startswith("cannot-record ")
    assert "make room on its file system" in said


def write_read_only(directory: bytes) -> None:
    scenes.begin(directory)
    names = [os.fsdecode(directory)] * 2
    subprocess.run(["mount", "--bind", *names], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", names[0]], check=True)
    with pytest.raises(GuardFailure) as caught:
        scenes.append(directory, b"{}\n")
    print(caught.value.detail)


def test_a_read_only_file_system_is_a_failure(directory) -> None:
    assert "mount its file system writable" in in_namespace("write_read_only", directory)


def open_foreign(directory: bytes) -> None:
    with pytest.raises(GuardFailure) as caught:
        scenes.open_sink(directory)
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
    sink, line = scenes.open_sink(directory), scenes.started(scenes.session())
    os.write(2, b"append begins\n")
    sink.append(line)
    os.write(2, b"append ended\n")


def test_a_line_is_written_at_once_under_the_lock_and_synced(directory, tmp_path) -> None:
    scenes.begin(directory)
    trace = tmp_path / "trace"
    calls = "flock,write,pwrite64,writev,fdatasync,close"
    in_namespace("write_once", directory, "strace", "-o", str(trace), "-e", f"trace={calls}")
    told = trace.read_text()
    between = told[told.index("append begins") : told.index("append ended")]
    names = re.findall(r"^(\w+)\(", between[between.index("\n") + 1 :], re.MULTILINE)
    assert names == ["flock", "close", "write", "fdatasync", "pwrite64", "close", "close", "write"]
