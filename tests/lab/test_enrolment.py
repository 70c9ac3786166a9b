"""A key enrolled by guardctl works at once, from its address and for its block's rights alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import trees
from .comparison import differences, snapshot
from .process import require, run
from .sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .host import CommandLog, GuardedHost
    from .site import Site

pytestmark = pytest.mark.lab


@pytest.fixture
def other_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """Return a second server whose authorized_keys is empty."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    sshd = Sshd(str(folder))
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()


def test_line_that_guardctl_adds_serves_a_backup(
    site: Site, other_sshd: Sshd, host: GuardedHost, data: str, tmp_path: Path
) -> None:
    trees.build(data)
    key = site.keys["web1-backup"]
    (tmp_path / "ssh").mkdir()
    client = site.client_of(other_sshd, str(tmp_path / "ssh"), "web1-backup")
    pull = ("-aH", "-s", "--numeric-ids", f"client:{data}/", f"{tmp_path}/got/")
    assert client.rsync(*pull).returncode != 0  # nobody is let in yet

    require(run(host.authorize_argv("web1-backup", key, "--add", other_sshd.authorized_keys)))

    require(client.rsync(*pull))
    assert differences(snapshot(data), snapshot(f"{tmp_path}/got")) == []
    with open(other_sshd.authorized_keys, encoding="ascii") as file:
        assert file.read() == host.managed_line("web1-backup", key) + "\n"


def test_key_from_another_address_is_refused(site: Site, log: CommandLog, data: str) -> None:
    mark = log.mark()

    done = site.client("elsewhere-backup").run(f"tar -c -f - -C {data} .")

    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr == b"bpc-ssh-guard: refused (wrong-address)\n"
    assert [record["event.code"] for record in log.settled(mark)] == ["wrong-address"]


def test_key_that_may_not_delete_restores_without_deleting(
    site: Site, restored: str, tmp_path: Path
) -> None:
    client = site.client("keeping-restore")
    trees.write_file(f"{restored}/kept", "older\n")
    trees.write_file(str(tmp_path / "new"), "newer\n")

    refused = client.rsync("-a", "--delete", f"{tmp_path}/", f"client:{restored}/")
    assert b"bpc-ssh-guard: refused (delete-not-permitted)\n" in refused.stderr
    assert set(snapshot(restored)) == {b"kept"}

    require(client.rsync("-a", f"{tmp_path}/", f"client:{restored}/"))
    assert set(snapshot(restored)) == {b"kept", b"new"}


def test_key_without_a_block_is_refused(site: Site, log: CommandLog, data: str) -> None:
    key = site.keys["web1-backup"]
    mark = log.mark()

    done = site.host.run_guard("web2-backup", key, f"tar -c -f - -C {data} .".encode())

    assert (done.returncode, done.stderr) == (126, b"bpc-ssh-guard: refused (unknown-key)\n")
    assert [record["event.code"] for record in log.settled(mark)] == ["unknown-key"]
