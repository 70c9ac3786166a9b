"""One site and one BackupPC for the whole run; each test works in folders of its own."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from . import trees
from .site import Site, open_backuppc, open_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backuppc import BackupPcServer
    from .clients import SshClient
    from .host import CommandLog, GuardedHost

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Return a host with keys: two plain, two that accept more, some with a line of their own."""
    with open_site() as site:
        host = site.host
        site.add_key("web1-backup", f"Backup {host.data}")
        site.add_key("web1-restore", f"Restore {host.restored}", "Window always")
        site.add_key("more-backup", f"Backup {host.data}", "Accept acls xattrs iconv compress")
        site.add_key(
            "more-restore",
            f"Restore {host.restored}",
            "Window always",
            "Accept acls xattrs iconv compress setuid devices",
        )
        site.add_key("elsewhere-backup", f"Backup {host.data}", "From 192.0.2.7")
        site.add_key(
            "keeping-restore", f"Restore {host.restored}", "Window always", "Delete no"
        )
        site.add_key("granted-restore", f"Restore {host.restored}")
        site.add_key("polite", f"Backup {host.data}", "Nice 7", "IoNice idle")
        loose = site.add_key("loose-backup", f"Backup {host.data}")
        site.enrol({loose: "no-user-rc"})
        yield site


@pytest.fixture(autouse=True)
def _unhurried(request: pytest.FixtureRequest) -> None:
    """Let each test be refused as often as a key may be in a minute, whatever came before it."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site").host.forget_refusals()


@pytest.fixture(scope="session")
def backuppc(site: Site) -> Iterator[BackupPcServer]:
    """Return a BackupPC server that knows no host yet."""
    with open_backuppc(site) as server:
        yield server


@pytest.fixture(scope="session")
def host(site: Site) -> GuardedHost:
    """Return the guarded host."""
    return site.host


@pytest.fixture(scope="session")
def log(site: Site) -> CommandLog:
    """Return the guard's records."""
    return site.host.log


@pytest.fixture(scope="session")
def backup_key(site: Site) -> SshClient:
    """Return ssh with a key that may back up."""
    return site.client("web1-backup")


@pytest.fixture(scope="session")
def restore_key(site: Site) -> SshClient:
    """Return ssh with a key that may restore."""
    return site.client("web1-restore")


@pytest.fixture
def data(host: GuardedHost) -> Iterator[str]:
    """Return a new empty folder below the backup root."""
    yield from _own_folder(host.data)


@pytest.fixture
def restored(host: GuardedHost) -> Iterator[str]:
    """Return a new empty folder below the restore root."""
    yield from _own_folder(host.restored)


@pytest.fixture
def endless(data: str) -> str:
    """Return a folder with more data than all pipes and windows between two programs hold."""
    with open(f"{data}/endless", "wb") as file:
        file.truncate(256 << 20)
    return data


def _own_folder(root: str) -> Iterator[str]:
    """Make a folder in ROOT for one test; its name is plain, unlike the test's own."""
    folder = f"{root}/{next(_NUMBERS)}"
    os.mkdir(folder)
    yield folder
    trees.remove(folder)
