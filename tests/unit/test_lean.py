"""The private modules give what the public ones give, and the guard's path loads nothing heavy."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bpc_ssh_guard import lean

# What the guard's path must not load: each costs 1 to 12 ms of CPU at every connection.
HEAVY = {
    "argparse", "collections", "ctypes", "dataclasses", "datetime", "enum", "functools", "hashlib",
    "hmac", "inspect", "json", "lark", "logging", "pathlib", "re", "shlex", "signal", "socket",
    "subprocess", "tempfile", "typing",
}


def test_hashes_as_hashlib_does() -> None:
    assert lean.sha256(b"abc").hexdigest() == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("text", ["", 'a"b\\c', "\x00\x1b\x7f\u2028\udcff", "日本"])
def test_quotes_strings_as_json_does(text: str) -> None:
    assert lean.json_string(text) == json.dumps(text)


@pytest.mark.parametrize("name", ["SIGALRM", "SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM", "SIGXFSZ"])
def test_knows_signals_by_their_public_numbers(name: str) -> None:
    assert getattr(lean, name) == getattr(signal, name)


def test_reads_addresses_as_socket_does() -> None:
    for family, address in ((socket.AF_INET, "192.0.2.7"), (socket.AF_INET6, "2001:db8::7")):
        assert lean.inet_pton(family, address) == socket.inet_pton(family, address)


@pytest.mark.parametrize("name", sorted(lean.__all__))
def test_exports_what_it_names(name: str) -> None:
    assert getattr(lean, name) is not None


def test_guard_loads_no_heavy_module() -> None:
    root = Path(__file__).resolve().parents[2]
    script = (
        f"import sys; sys.path.insert(0, {str(root)!r}); import bpc_ssh_guard.guard; "
        "from bpc_ssh_guard.command import rsync, tar; from bpc_ssh_guard.policy import system; "
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        ["/usr/bin/python3", "-IS", "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert HEAVY.isdisjoint(loaded)
    assert sys.version_info >= (3, 9)
