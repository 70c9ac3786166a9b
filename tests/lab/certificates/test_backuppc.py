"""A real BackupPC backs up and restores by certificates, and no longer than they last."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.certificates import CERTIFICATE, certificate, settings
from bpc_ssh_guard.keys.certificates.ca import Authorities
from bpc_ssh_guard.keys.certificates.certificate import Terms
from bpc_ssh_guard.keys.render import settings as rendered
from tests.lab import trees
from tests.lab.comparison import differences, snapshot
from tests.lab.keyserver.backuppc import METHODS, BackupPcWorld, open_backuppc_world

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

DONE = "full backup complete"


@pytest.fixture(scope="module")
def world() -> Iterator[BackupPcWorld]:
    """A BackupPC whose clients take certificates and the rotation key, and no other key."""
    with open_backuppc_world(METHODS, ["ExposeAuthInfo yes"]) as world:
        keys = world.keys
        keys.write_config('channel = "certificate"', 'from = "127.0.0.1"')
        with open(keys.path, "a", encoding="ascii") as file:
            file.write(f'[certificates]\nfolder = "{world.folder}/ca"\n'
                       f'program = "{world.folder}/guard/sbin/bpc-ssh-guard"\n')
            file.writelines(f'[certificates.host.{name}]\npolicy = "{client.folder}/policy"\n'
                            for name, client in world.clients.items())
        for action in ("init", "issue"):
            keys.run("ca", action)
        lines = [json.loads(line) for line in keys.run("ca", "lines", "--json").stdout.splitlines()]
        for name, client in world.clients.items():
            client.sshd.authorize([*client.lines_of(f"{name}-rotate"),
                                   *(each["line"] for each in lines if each["host"] == name)])
        keys.run("render")
        world.backuppc.configure(rendered(keys.config))
        for method in METHODS:
            world.add_host(method, method)
            trees.write_file(f"{world.data(method)}/file", "to be kept\n")
        yield world


def let_end(world: BackupPcWorld, name: str) -> None:
    """Put a certificate in use that is over since a minute."""
    config, label = world.keys.config, f"{name}-backup"
    found, pair = settings.load(config), world.keys.current(label)
    authority, now = Authorities(found.folder).current(), int(time.time())
    terms = Terms.of(found, config.hosts[name], label, authority.blob)
    text = certificate.sign(authority, terms, pair, 9999, now - 3600, now - 60)
    with open(pair.path.with_name(CERTIFICATE), "wb") as file:
        file.write(text)


@pytest.mark.parametrize("name", METHODS)
def test_backuppc_backs_up_by_its_certificate_until_that_ends(
    world: BackupPcWorld, name: str
) -> None:
    mark = world.logs[name].mark()
    assert world.backuppc.full(name).completed(DONE)
    assert world.used(name, mark) == [world.in_use(name)]

    let_end(world, name)
    done = world.backuppc.full(name)
    assert not done.completed(DONE)
    assert "Permission denied (publickey)" in done.text

    world.keys.run("ca", "renew")
    assert world.backuppc.full(name).completed(DONE)


@pytest.mark.parametrize("name", METHODS)
def test_a_restore_by_certificate_works_while_its_grant_is_open(
    world: BackupPcWorld, name: str
) -> None:
    assert world.backuppc.full(name).completed(DONE)
    world.empty(name)
    words = name, world.data(name), name, world.restored(name)
    refused = world.backuppc.restore(*words)
    assert not refused.completed("restore complete")
    assert "bpc-ssh-guard: refused (no-window)" in refused.text
    assert os.listdir(world.restored(name)) == []

    world.keys.run("grant", "restore", name, "--for", "10m")

    assert world.backuppc.restore(*words).completed("restore complete")
    assert differences(snapshot(world.data(name)), snapshot(world.restored(name)),
                       folder_times=name == "rsync") == []
    world.keys.run("ungrant", "restore", name)
    assert not world.backuppc.restore(*words).completed("restore complete")
