"""A stock BackupPC with what `bpc-ssh-keys render` shows uses the right key for each purpose."""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.files import FILE_MODE, FOLDER_MODE
from bpc_ssh_guard.keys.render import render, settings

from . import trees
from .backuppc import BackupPcServer, server_account
from .comparison import differences, snapshot
from .keys import Key
from .process import require, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpc_ssh_guard.keys.config import Config

    from .host import CommandLog
    from .site import Site

pytestmark = pytest.mark.lab

LABELS = {"backup": "web1-backup", "restore": "granted-restore"}
# As BackupPC may call a client: by its address, or by a name that is not its own.
ALIASES = ("127.0.0.1", "localhost")
CLIENTS = [f"{method}{number}" for method in ("rsync", "tar") for number in range(len(ALIASES))]


@pytest.fixture(scope="module")
def config(site: Site) -> Config:
    """A key server's files for each client, with the site's own keys."""
    folder = f"{site.folder}/keyserver"
    os.mkdir(folder)
    reader = grp.getgrgid(server_account().gid).gr_name if os.geteuid() == 0 else ""
    labels = ", ".join(f'{purpose} = "{label}"' for purpose, label in LABELS.items())
    with open(f"{folder}/config", "w", encoding="ascii") as file:
        file.write(f'[paths]\netc = "{folder}/etc"\nvar = "{folder}/var"\nreader = "{reader}"\n')
        file.write(f'[defaults]\nport = {site.sshd.port}\nuser = "{site.sshd.login.name}"\n')
        for name in CLIENTS:
            file.write(f"[host.{name}]\nlabels = {{ {labels} }}\n")
    config = load(f"{folder}/config")
    config.known_hosts.mkdir(parents=True)
    for name in CLIENTS:
        _place(config, name, site)
    render(config)
    for above, _, names in os.walk(folder):
        _hand_over(above, FOLDER_MODE)
        for name in names:
            _hand_over(f"{above}/{name}", FILE_MODE)
    return config


def _place(config: Config, name: str, site: Site) -> None:
    """Put the keys of client NAME, and the one of its host, where `enroll` and `rotate` do."""
    for label in LABELS.values():
        pairs = config.pairs(name, label)
        pairs.mkdir(parents=True)
        shutil.copy(site.keys[label].path, pairs / "g1")
        (pairs / "g1.pub").write_text(f"{site.keys[label].public}\n")
        os.symlink("g1", pairs / "current")
    (config.known_hosts / name).write_text(f"{name} {site.sshd.host_key.public}\n")


def _hand_over(path: str, mode: int) -> None:
    """Let BackupPC's group read PATH, and nobody but root change it."""
    if os.geteuid() == 0:
        os.chown(path, 0, server_account().gid)
    os.chmod(path, mode)


@pytest.fixture(scope="module")
def server(site: Site, config: Config) -> Iterator[BackupPcServer]:
    """A BackupPC of its own: the settings are for all of its hosts."""
    folder = f"{site.folder}/pc-rendered"
    os.mkdir(folder)
    server = BackupPcServer(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        server.configure(settings(config))
        yield server


@pytest.fixture
def grant(site: Site) -> Iterator[None]:
    """A grant for restores, as an admin opens it."""
    argv = [f"{site.host.launcher}ctl", "grant", "--policy", site.host.policy, LABELS["restore"]]
    require(run([*argv, "--for", "1h"]))
    yield
    require(run([*argv, "--revoke"]))


@pytest.mark.parametrize("name", CLIENTS)
def test_each_purpose_has_its_key_whatever_the_client_is_called(
    name: str, server: BackupPcServer, site: Site, log: CommandLog, data: str, restored: str,
    grant: None,
) -> None:
    method, alias = name[:-1], ALIASES[int(name[-1])]
    server.add_stock_host(name, method, [data], alias)
    trees.write_file(f"{data}/file", "to be kept\n")
    mark = log.mark()

    full = server.full(name)
    assert full.completed("full backup complete"), full.text
    restore = server.restore(name, data, name, restored)
    assert restore.completed("restore complete"), restore.text

    assert differences(snapshot(data), snapshot(restored)) == []
    ran = [(r["bpc.key.label"], r["bpc.key.id"]) for r in log.settled(mark)
           if r["event.action"] == "command-started"]
    assert ran == [(label, site.keys[label].keyid) for label in LABELS.values()]


@pytest.mark.parametrize("method", ["rsync", "tar"])
def test_a_restore_without_a_grant_is_refused(
    method: str, server: BackupPcServer, log: CommandLog, data: str, restored: str
) -> None:
    name = f"{method}0"
    server.add_stock_host(name, method, [data], ALIASES[0])
    trees.write_file(f"{data}/file", "to be kept\n")
    assert server.full(name).completed("full backup complete")
    mark = log.mark()

    done = server.restore(name, data, name, restored)

    assert not done.completed("restore complete")
    assert os.listdir(restored) == []
    assert {r.get("event.code") for r in log.settled(mark)} == {"no-window"}


def test_without_its_file_a_client_is_not_reached(
    server: BackupPcServer, config: Config, log: CommandLog, data: str
) -> None:
    """ssh ends at once; no key of somebody's home is tried in its place."""
    stanza = config.stanzas / "rsync1.backup.conf"
    server.add_stock_host("rsync1", "rsync", [data], ALIASES[1])
    stanza.rename(config.stanzas / "aside")
    mark = log.mark()
    try:
        assert server.full("rsync1").status != 0
    finally:
        (config.stanzas / "aside").rename(stanza)
    assert log.settled(mark) == []


def test_another_host_key_is_not_accepted(
    server: BackupPcServer, config: Config, log: CommandLog, data: str, tmp_path
) -> None:
    server.add_stock_host("tar1", "tar", [data], ALIASES[1])
    known = config.known_hosts / "tar1"
    right = known.read_text()
    known.write_text(f"tar1 {Key.generate(str(tmp_path / 'other')).public}\n")
    mark = log.mark()
    try:
        assert server.full("tar1").status != 0
    finally:
        known.write_text(right)
    assert log.settled(mark) == []
