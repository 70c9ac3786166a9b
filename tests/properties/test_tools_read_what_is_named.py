"""The real rsync and tar, started as planned, send what the command names: nothing else is read.

The tools have languages of their own for names: tar unquotes backslashes, rsync expands globs in a
list that it reads itself. What the guard has checked must be what they open.
"""

from __future__ import annotations

import io
import os
import shlex
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.command.parse import understand
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.policy.decide import Plan, decide
from bpc_ssh_guard.policy.load import parse
from tests.oracles import confined
from tests.oracles.answers import PROTECTIONS, no_list
from tests.oracles.writing import line, secluded

from .effort import examples

# Ways to write "..", "/", a control character or many names in one, for tools that have them.
WRITTEN = (
    b"\\056\\056", b"\\056.", b"\\..", b"\\.\\.", b"..\\057..", b"\\057etc", b"\\x2e\\x2e", b"\\n",
    b"a\\", b"\\\\", b"\\141", b"*", b"?", b"[a-z]", b"a*", b"{a,b}", b"~", b"~root", b"$HOME",
    b"a b",
    b"-rf", b"--files-from=x", b"@a", b":a", b"host:a", b"#a", b"!a", b"\\#056", b"\xff",
    b"\xc3\xa9",
    b"out", b"s", b"a", b"%2e%2e", b"...",
)  # fmt: skip
names = st.one_of(
    st.sampled_from(WRITTEN),
    st.lists(st.sampled_from(b"\\056n.*?[]~ab-:'\" $"), min_size=1, max_size=8).map(bytes),
).filter(lambda name: name not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=3).map(tuple)

OUTSIDE = b"outside of every root"
TRAPS = (b"a", b"ab", b"b", b"s", b"x", b"..a")


class World:
    """A root with traps for globs in it, a secret beside it, and one named file in the root."""

    def __init__(self, base: Path, path: tuple[bytes, ...]) -> None:
        shutil.rmtree(base, ignore_errors=True)
        self.base = os.fsencode(base)
        self.root = self.base + b"/root"
        self.name = b"/".join(path)
        _write(self.root + b"/" + self.name, b"named")
        for folder, content in ((self.base + b"/out", OUTSIDE), (self.root, b"trap")):
            for trap in TRAPS:
                if not os.path.exists(folder + b"/" + trap):
                    _write(folder + b"/" + trap, content)

    def plan(self, *words: bytes, data: bytes | None = None) -> Plan | None:
        """Return the plan for WORDS, with the list DATA; None when they are refused."""
        policy = parse(b'Key k\nBackup "' + self.root + b'"', b"/policy")
        try:
            command = understand(line(words), no_list if data is None else lambda: data)
            return decide(policy, policy.blocks[b"k"], command, PROTECTIONS)
        except Refused:
            return None


def _write(path: bytes, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def sent_by_tar(plan: Plan, folder: str) -> dict[bytes, bytes]:
    """Return the files that tar sends, by the name it gives them."""
    done = confined.run(plan.argv, {b"LC_ALL": b"C"}, folder, as_nobody=False)
    with tarfile.open(fileobj=io.BytesIO(done.stdout), errors="surrogateescape") as archive:
        return {
            os.fsencode(member.name): (archive.extractfile(member) or io.BytesIO()).read()
            for member in archive
            if member.isfile()
        }


def sent_by_rsync(plan: Plan, folder: Path) -> dict[bytes, bytes]:
    """Return the files that a real client gets from rsync, by name."""
    shell = folder / "shell"
    words = " ".join(shlex.quote(os.fsdecode(word)) for word in plan.argv)
    shell.write_bytes(os.fsencode(f"#!/bin/sh\nexec {words}\n"))
    shell.chmod(0o700)
    got = folder / "got"
    shutil.rmtree(got, ignore_errors=True)
    client = ["rsync", "-r", "--trust-sender", f"--rsh={shell}", "host:named", f"{got}/"]
    confined.run(client, {b"LC_ALL": b"C", b"HOME": b"/x"}, str(folder), as_nobody=False)
    found = {}
    for parent, _, files in os.walk(os.fsencode(got)):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                found[os.path.relpath(os.path.join(parent, name), os.fsencode(got))] = file.read()
    return found


def tar_plan(world: World) -> Plan | None:
    return world.plan(b"tar", b"-c", b"-f", b"-", b"-C", world.root, b"./" + world.name)


def rsync_plan(world: World) -> Plan | None:
    path = world.root + b"/" + world.name
    return world.plan(b"rsync", b"--server", b"--sender", b"-re.iLsfxCIvu", b".", path)


@examples(80)
@given(path=paths)
def test_tar_sends_the_named_file_or_nothing(tmp_path: Path, path: tuple[bytes, ...]) -> None:
    world = World(tmp_path / "w", path)
    plan = tar_plan(world)
    if plan is not None:
        assert sent_by_tar(plan, str(tmp_path)) == {b"./" + world.name: b"named"}


@examples(60)
@given(path=paths)
def test_rsync_sends_the_named_file_or_nothing(tmp_path: Path, path: tuple[bytes, ...]) -> None:
    world = World(tmp_path / "w", path)
    plan = rsync_plan(world)
    if plan is not None:
        assert sent_by_rsync(plan, tmp_path) == {path[-1]: b"named"}


@pytest.mark.parametrize("name", WRITTEN)
def test_tar_takes_no_name_for_another(tmp_path: Path, name: bytes) -> None:
    for path in ((name,), (name, b"out", b"s"), (b"a", name)):
        world = World(tmp_path / "w", path)
        plan = tar_plan(world)
        if plan is not None:
            assert sent_by_tar(plan, str(tmp_path)) == {b"./" + world.name: b"named"}


@pytest.mark.parametrize("name", WRITTEN)
def test_rsync_takes_no_name_for_another(tmp_path: Path, name: bytes) -> None:
    for path in ((name,), (name, b"out", b"s")):
        world = World(tmp_path / "w", path)
        visible, listed = rsync_plan(world), world.plan(
            b"rsync", b"--server", b"--sender", b"-sre.iLsfxCIvu",
            data=secluded(b".", world.root + b"/" + world.name),
        )  # fmt: skip
        assert (visible is None) == (listed is None)
        for plan in (visible, listed):
            if plan is not None:
                assert sent_by_rsync(plan, tmp_path) == {path[-1]: b"named"}


@pytest.mark.parametrize("name", [b"a b", b"*", b"\xc3\xa9", b"-rf", b"~", b"$HOME"])
def test_serves_names_that_only_a_shell_would_change(tmp_path: Path, name: bytes) -> None:
    world = World(tmp_path / "w", (name,))
    for plan in (tar_plan(world), rsync_plan(world)):
        assert plan is not None
