"""A restore key works while an admin has opened a grant for it, where that says, and no longer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import trees
from .process import require, run

if TYPE_CHECKING:
    from pathlib import Path

    from .clients import SshClient
    from .host import CommandLog, GuardedHost
    from .site import Site

pytestmark = pytest.mark.lab

LABEL = "granted-restore"


@pytest.fixture
def client(site: Site) -> SshClient:
    """Return ssh with a restore key that needs a grant."""
    return site.client(LABEL)


def grant(host: GuardedHost, *words: str) -> None:
    """Open or close LABEL's grant, as an admin would."""
    argv = [f"{host.launcher}ctl", "grant", "--policy", host.policy, LABEL, *words]
    require(run(argv))


def push(client: SshClient, tree: Path, target: str) -> str:
    """Restore TREE into TARGET by rsync; return what the guard refused it for, or nothing."""
    done = client.rsync("-a", f"{tree}/", f"client:{target}/")
    said = done.stderr.decode("ascii", "replace")
    if done.returncode == 0:
        return ""
    assert "bpc-ssh-guard: refused (" in said
    return said.partition("refused (")[2].partition(")")[0]


def test_restores_only_under_a_grant_and_where_it_says(
    client: SshClient, host: GuardedHost, log: CommandLog, restored: str, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    trees.write_file(f"{tmp_path}/tree/file", "restored\n")
    inside, beside = f"{restored}/inside", f"{restored}/beside"
    os.mkdir(inside)
    os.mkdir(beside)
    tree = tmp_path / "tree"
    assert push(client, tree, inside) == "no-window"

    grant(host, "--for", "2h", "--path", inside)
    mark = log.mark()
    assert push(client, tree, inside) == ""
    [started, _] = log.settled(mark)
    opened = [record for record in log.since(0) if record["event.action"] == "grant-opened"]
    assert started["bpc.grant.id"] == opened[-1]["bpc.grant.id"]
    assert push(client, tree, beside) == "outside-roots"

    grant(host, "--for", "2h")
    assert push(client, tree, beside) == ""
    grant(host, "--revoke")
    assert push(client, tree, beside) == "no-window"
    assert [os.listdir(folder) for folder in (inside, beside)] == [["file"], ["file"]]


def test_a_link_in_place_of_the_granted_path_is_refused(
    client: SshClient, host: GuardedHost, restored: str, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    trees.write_file(f"{tmp_path}/tree/file", "restored\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    os.mkdir(f"{restored}/inside")
    grant(host, "--for", "2h", "--path", f"{restored}/inside")
    os.rmdir(f"{restored}/inside")
    os.symlink(outside, f"{restored}/inside")
    assert push(client, tmp_path / "tree", f"{restored}/inside") == "outside-roots"
    grant(host, "--revoke")
    assert os.listdir(outside) == []
