"""The record room on the guard's path: a bare interpreter, and no costly module in it."""

from __future__ import annotations

import os
import subprocess

from . import scenes

COSTLY = {
    "argparse", "base64", "collections", "contextlib", "ctypes", "dataclasses", "datetime",
    "enum", "functools", "hashlib", "hmac", "inspect", "ipaddress", "json", "logging", "pathlib",
    "re", "shlex", "shutil", "signal", "socket", "subprocess", "tempfile", "typing",
}

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard.record import event, sink, syslog_copy
session = event.Session.from_environment({}, b"web1-backup", b"")
log = sink.Sink.open(sys.argv[2].encode(), sys.argv[2].encode() + b"-state")
line = session.denied(reason="not-words", command=b"\\xff", secluded=b"rsync\\0.\\0\\0")
log.append(line)
syslog_copy.send_copy(line, sys.argv[2] + "/none")
print(" ".join(sys.modules))
"""


def test_recording_imports_no_costly_module(directory) -> None:
    scenes.begin(directory)
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", "-c", SCRIPT, scenes.CHECKOUT, os.fsdecode(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    modules = set(done.stdout.split())
    assert "bpc_ssh_guard.record.sink" in modules
    assert not COSTLY & modules
