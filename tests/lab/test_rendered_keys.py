"""A stock BackupPC with what `bpc-ssh-keys render` shows uses the right key for each purpose."""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.durable import FILE_MODE, FOLDER_MODE
from bpc_ssh_guard.keys.render import render

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
# How BackupPC finds a client: by the daemon's poll of the addresses for DHCP, by a look-up of its
# NetBIOS name, or at the alias that the host's file gives. $host and $hostIP differ in each.
ALIASES = {"dhcp": "", "netbios": "", "address": "127.0.0.1", "name": "localhost"}
CLIENTS = [f"{method}-{way}" for way in ALIASES for method in ("rsync", "tar")]
# Prints what nmblookup does, which finds nobody on a loopback interface.
NMBLOOKUP = """#!/bin/sh
[ "$1" = -A ] || { printf 'querying %s on 127.255.255.255\\n127.0.0.1 %s<00>\\n' "$1" "$1"; exit; }
printf 'Looking up status of %s\\n' "$2"
printf '\\t%-15s <00> -         B <ACTIVE> \\n' "$(cat "${0%/*}/at-$2")"
printf '\\t%-15s <00> - <GROUP> B <ACTIVE> \\n\\n' WORKGROUP
"""


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
        apply = ["keys", "render", "--config", config.path, "--apply",
                 "--backuppc-config", f"{server.folder}/conf/config.pl"]
        assert main(apply) == 0
        assert main([*apply, "--dry-run"]) == 0
        server.configure(_look_ups(site))
        yield server


def _look_ups(site: Site) -> list[str]:
    """Return what lets BackupPC find clients by NetBIOS, as it comes but for the program."""
    path = f"{site.folder}/nmblookup"
    trees.write_file(path, NMBLOOKUP)
    os.chmod(path, 0o755)
    return [
        f"$Conf{{NmbLookupPath}} = '{path}';",
        "$Conf{NmbLookupCmd} = '$nmbLookupPath -A $host';",
        "$Conf{NmbLookupFindHostCmd} = '$nmbLookupPath $host';",
        "$Conf{DHCPAddressRanges} = [{ipAddrBase => '127.0.0', first => 1, last => 1}];",
        "$Conf{DfMaxUsagePct} = 100; $Conf{DfMaxInodeUsagePct} = 100;",  # else it queues nothing
    ]


def call(site: Site, name: str) -> None:
    """Let the machine answer to the NetBIOS NAME."""
    trees.write_file(f"{site.folder}/at-127.0.0.1", name.upper())


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
    method, way = name.split("-")
    alias = ALIASES[way]
    server.add_stock_host(name, method, [data], alias, dhcp=way == "dhcp")
    trees.write_file(f"{data}/file", "to be kept\n")
    call(site, name)
    mark = log.mark()

    if way == "dhcp":
        server.poll(name)
    else:
        full = server.full(name)
        assert full.completed("full backup complete"), full.text
    address = "127.0.0.1" if way == "dhcp" else alias or name
    restore = server.restore(name, data, name, restored, address)
    assert restore.completed("restore complete"), restore.text

    assert differences(snapshot(data), snapshot(restored)) == []
    ran = [(r["bpc.key.label"], r["bpc.key.id"]) for r in log.settled(mark)
           if r["event.action"] == "command-started"]
    assert ran == [(label, site.keys[label].keyid) for label in LABELS.values()]


@pytest.mark.parametrize("method", ["rsync", "tar"])
def test_a_restore_without_a_grant_is_refused(
    method: str, server: BackupPcServer, site: Site, log: CommandLog, data: str, restored: str
) -> None:
    name = f"{method}-address"
    call(site, name)
    server.add_stock_host(name, method, [data], ALIASES["address"])
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
    stanza = config.stanzas / "rsync-name.backup.conf"
    server.add_stock_host("rsync-name", "rsync", [data], ALIASES["name"])
    stanza.rename(config.stanzas / "aside")
    mark = log.mark()
    try:
        assert server.full("rsync-name").status != 0
    finally:
        (config.stanzas / "aside").rename(stanza)
    assert log.settled(mark) == []


def test_another_host_key_is_not_accepted(
    server: BackupPcServer, config: Config, log: CommandLog, data: str, tmp_path
) -> None:
    server.add_stock_host("tar-name", "tar", [data], ALIASES["name"])
    known = config.known_hosts / "tar-name"
    right = known.read_text()
    known.write_text(f"tar-name {Key.generate(str(tmp_path / 'other')).public}\n")
    mark = log.mark()
    try:
        assert server.full("tar-name").status != 0
    finally:
        known.write_text(right)
    assert log.settled(mark) == []
