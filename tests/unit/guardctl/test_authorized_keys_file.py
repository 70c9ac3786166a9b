"""The writer of authorized_keys under kills, full disks, other writers and other owners.

The real code runs in processes of its own, and they are really killed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from . import scenes

FOREIGN = b"ssh-rsa AAAA odd  spacing\t# and \xff bytes \r"
KEY, OTHER = scenes.public_key(1), scenes.public_key(2)

# What the writer does to the file system, in the order of its calls. `when` counts each by name.
CALLS = ("openat", "flock", "write", "fchown", "fchmod", "fsetxattr", "fsync", "rename", "renameat",
         "renameat2", "unlink", "unlinkat")

ADD = """
import resource, sys
from bpc_ssh_guard.guardctl.authorize import AuthorizeError, authorize
from bpc_ssh_guard.policy import load
from tests.unit.guardctl.scenes import public_key
policy = load.load({policy!r}.encode())
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
try:
    authorize(policy, {label!r}, public_key({number}), path={path!r})
except AuthorizeError as refusal:
    sys.exit(str(refusal))
"""


def adding(client: scenes.Client, label: str, number: int, limit: int = -1) -> list[str]:
    """Return the command that adds the key NUMBER for LABEL, in files of at most LIMIT bytes."""
    script = ADD.format(policy=client.policy_path, label=label, number=number,
                        path=client.keys_file, limit=limit)
    return [sys.executable, "-B", "-c", script]


def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=scenes.CHECKOUT, capture_output=True, text=True, timeout=60,
        env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
    )


def traced(client: scenes.Client, *options: str) -> subprocess.CompletedProcess[str]:
    """Add KEY under strace with OPTIONS; its report is in client.root/trace."""
    strace = ["strace", "-qq", "-o", f"{client.root}/trace", "-e", f"trace={','.join(CALLS)}"]
    return run([*strace, *options, *adding(client, "web1-backup", 1)])


def steps_of_the_writer(client: scenes.Client) -> list[tuple[str, int]]:
    """Return each call from the lock on, and how many of its name there were before, plus one."""
    with open(f"{client.root}/trace", encoding="utf-8") as file:
        calls = file.read().splitlines()
    seen: dict[str, int] = {}
    steps, writing = [], False
    for call in calls:
        name = re.split(r"\W", call)[0]
        seen[name] = seen.get(name, 0) + 1
        writing = writing or ".lock" in call
        if writing:
            steps.append((name, seen[name]))
    return steps


def begin_again(client: scenes.Client, lines: tuple[bytes, ...]) -> bytes | None:
    """Leave nothing but the keys file with LINES in the folder; return its content, if any."""
    for name in os.listdir(client.folder):
        os.unlink(f"{client.folder}/{name}")
    return client.write_keys(*lines) if lines else None


@pytest.mark.parametrize("lines", [(), (FOREIGN, scenes.words(OTHER))], ids=["no file", "a file"])
def test_killed_at_any_step_it_leaves_the_old_file_or_the_new_one(client, lines):
    old = begin_again(client, lines)
    done = traced(client)
    assert done.returncode == 0, done.stderr
    new = client.read_keys()
    steps = steps_of_the_writer(client)
    assert {"flock", "write", "fsync"} < {name for name, _ in steps}
    left = set()
    for name, number in steps:
        begin_again(client, lines)
        done = traced(client, "-e", f"inject={name}:signal=SIGKILL:when={number}")
        assert done.returncode == -signal.SIGKILL, (name, number, done.stderr)
        found = client.read_keys() if os.path.exists(client.keys_file) else None
        assert found in (old, new), (name, number)
        left.add(found)
        # The next run works, and sweeps what the killed one has left.
        assert run(adding(client, "web1-backup", 1)).returncode == 0
        assert client.read_keys() == new
        assert sorted(os.listdir(client.folder))[1:] == ["authorized_keys"]
    assert left == {old, new}


def test_brings_the_new_file_to_the_disk_before_its_name_and_the_name_at_the_end(client):
    client.write_keys(FOREIGN)
    assert traced(client).returncode == 0
    names = [name for name, _ in steps_of_the_writer(client)]
    order = [name for name in names if name == "fsync" or name.startswith("rename")]
    assert [name[:6] for name in order] == ["fsync", "rename", "fsync"]


def test_a_disk_that_lies_about_what_it_wrote_leaves_the_file_as_it_was(client):
    old = client.write_keys(FOREIGN)
    assert traced(client).returncode == 0
    size = len(client.read_keys())
    [(_, number)] = [step for step in steps_of_the_writer(client) if step[0] == "write"]
    client.write_keys_exactly(old)
    # The call is not made, and returns what it would have returned.
    done = traced(client, "-e", f"inject=write:retval={size}:when={number}")
    assert done.returncode == 1
    assert "was read back otherwise than it was written, and the file stays" in done.stderr
    assert client.read_keys() == old
    assert sorted(os.listdir(client.folder))[1:] == ["authorized_keys"]


@pytest.mark.parametrize("limit", [0, 1, 40, 300])
def test_a_full_disk_leaves_the_file_as_it_was(client, limit):
    old = client.write_keys(FOREIGN)
    done = run(adding(client, "web1-backup", 1, limit))
    assert done.returncode == 1
    assert f"{client.keys_file}: it stays as it was: File too large; raise the limit" in done.stderr
    assert client.read_keys() == old
    assert sorted(os.listdir(client.folder))[1:] == ["authorized_keys"]


def test_four_at_once_add_four_lines(client):
    labels = [f"job{number}" for number in range(4)]
    blocks = [f"Key {label}\n Backup {client.root}/data\n" for label in labels]
    client.write_policy("".join(blocks))
    old = client.write_keys(FOREIGN)
    started = [
        subprocess.Popen(adding(client, label, number), cwd=scenes.CHECKOUT)
        for number, label in enumerate(labels, 1)
    ]
    assert [process.wait(60) for process in started] == [0] * 4
    content = client.read_keys()
    assert content.startswith(old)
    added = [client.compose(label, scenes.public_key(n)) for n, label in enumerate(labels, 1)]
    assert sorted(content[len(old) :].splitlines()) == sorted(added)


def test_four_at_once_add_one_line_for_one_key(client):
    started = [
        subprocess.Popen(adding(client, "web1-backup", 1), cwd=scenes.CHECKOUT) for _ in range(4)
    ]
    assert [process.wait(60) for process in started] == [0] * 4
    assert client.read_keys() == client.compose("web1-backup", KEY) + b"\n"


def test_an_editor_that_writes_meanwhile_keeps_its_change(client):
    client.write_keys(FOREIGN)
    stopped = ["strace", "-qq", "-o", f"{client.root}/trace", "-e", "trace=fchmod",
               "-e", "inject=fchmod:signal=SIGSTOP:when=1"]
    adder = subprocess.Popen(
        [*stopped, *adding(client, "web1-backup", 1)], cwd=scenes.CHECKOUT,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )
    try:
        wait_for_stop(f"{client.root}/trace")
        edited = client.write_keys(FOREIGN, b"# by hand")
        os.killpg(adder.pid, signal.SIGCONT)
        _, said = adder.communicate(timeout=60)
    finally:
        if adder.poll() is None:
            os.killpg(adder.pid, signal.SIGKILL)
            adder.wait()
    assert adder.returncode == 1
    assert "somebody changed it meanwhile; run this again" in said
    assert client.read_keys() == edited
    assert sorted(os.listdir(client.folder))[1:] == ["authorized_keys"]


def wait_for_stop(trace: str) -> None:
    """Wait until strace has written to TRACE that its program is stopped."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if os.path.exists(trace):
            with open(trace, encoding="utf-8") as file:
                if "stopped by SIGSTOP" in file.read():
                    return
        time.sleep(0.02)
    raise TimeoutError(f"{trace}: the program was not stopped")
