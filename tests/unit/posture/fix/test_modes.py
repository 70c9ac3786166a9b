"""Mode bits are taken from the object that was looked at, and from no other."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys

import pytest

from bpc_ssh_guard.backuppc.refused import Refused
from bpc_ssh_guard.posture.fix import journal, modes
from bpc_ssh_guard.posture.repair import ModeRepair
from tests.posture_tree import BACKUPPC, CGI, CONF, CONFIG, TOP

# Exchanges a file, a link and, where it may, a second name of the victim, as fast as it can.
_RACER = """
import os, sys
gid, uid = map(int, sys.argv[1:3])
hard = os.geteuid() == 0
if hard:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
victim = sys.argv[3]
print(flush=True)
plants = [lambda: os.symlink(victim, "new"),
          lambda: os.close(os.open("new", os.O_CREAT | os.O_WRONLY, 0o644))]
if hard:
    plants.append(lambda: os.link(victim, "new"))
while True:
    for plant in plants:
        plant()
        os.rename("new", "raced.pl")
"""


def mode(tree, name):
    return stat.S_IMODE(os.lstat(tree.path(name)).st_mode)


def applied(tree, *repairs):
    """Apply REPAIRS and return the journal's path."""
    site = tree.site()
    notes = journal.Journal(site.disk)
    with contextlib.closing(notes):
        for repair in repairs:
            modes.apply(site, repair, notes)
    return notes.path


def test_takes_bits_away_and_adds_none(stock):
    stock.chmod(f"{CONF}/localhost.pl", 0o404)
    applied(stock, ModeRepair(CONFIG, 0o600), ModeRepair(f"{CONF}/localhost.pl", 0o640),
            ModeRepair(CONF, 0o750))
    assert mode(stock, CONFIG) == 0o600
    assert mode(stock, f"{CONF}/localhost.pl") == 0o400
    assert mode(stock, CONF) == 0o750


def test_leaves_the_set_id_bit_where_the_mask_has_it(stock):
    stock.write("/usr/lib/cgi-bin/own", "", 0o644, BACKUPPC)
    stock.chmod("/usr/lib/cgi-bin/own", 0o4755)
    applied(stock, ModeRepair("/usr/lib/cgi-bin/own", 0o4750))
    assert mode(stock, "/usr/lib/cgi-bin/own") == 0o4750


def test_gives_back_exactly_what_it_took(stock):
    path = applied(stock, ModeRepair(CONFIG, 0o600), ModeRepair(CONF, 0o700))
    for change in reversed(journal.read(path)):
        modes.undo(stock.root, change)
    assert mode(stock, CONFIG) == 0o644
    assert mode(stock, CONF) == 0o755


def test_notes_each_act_before_it_happens(stock):
    path = applied(stock, ModeRepair(CONFIG, 0o600))
    (change,) = journal.read(path)
    info = os.stat(stock.path(CONFIG))
    assert change == modes.ModeChange(
        CONFIG, info.st_dev, info.st_ino, 0o644, 0o600, info.st_ctime_ns)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_takes_back_an_act_that_was_noted_and_never_done(stock):
    path = applied(stock, ModeRepair(CONFIG, 0o600))
    stock.chmod(CONFIG, 0o644)
    modes.undo(stock.root, journal.read(path)[0])
    assert mode(stock, CONFIG) == 0o644


def test_ignores_a_line_that_a_crash_cut_short(stock):
    path = applied(stock, ModeRepair(CONFIG, 0o600))
    with open(f"{path}/journal", "ab") as file:
        file.write(b'{"act": "mode", "path": "/etc/shad')
    assert len(journal.read(path)) == 1


@pytest.mark.parametrize("change", [
    lambda tree: tree.chmod(CONFIG, 0o640),
    lambda tree: (tree.remove(CONFIG), tree.write(CONFIG, "other", 0o600)),
    lambda tree: os.link(tree.path(CONFIG), tree.path(f"{CONF}/second")),
], ids=["mode", "another file", "second name"])
def test_undoes_nothing_that_was_changed_since(stock, change):
    path = applied(stock, ModeRepair(CONFIG, 0o600))
    change(stock)
    before = mode(stock, CONFIG)
    with pytest.raises(Refused):
        modes.undo(stock.root, journal.read(path)[0])
    assert mode(stock, CONFIG) == before


def _link(tree):
    tree.write("/root/victim", "x", 0o666)
    tree.link(f"{CONF}/planted.pl", "/root/victim")


def _hard_link(tree):
    tree.write("/root/victim", "x", 0o666)
    os.link(tree.path("/root/victim"), tree.path(f"{CONF}/planted.pl"))


def _linked_folder(tree):
    tree.write("/root/victim/planted.pl", "x", 0o666)
    tree.remove(CONF)
    tree.link(CONF, "/root/victim")


@pytest.mark.parametrize("plant", [
    _link, _hard_link, lambda tree: os.mkfifo(tree.path(f"{CONF}/planted.pl")),
], ids=["link", "hard link", "fifo"])
def test_refuses_what_the_backuppc_user_may_have_planted(stock, plant):
    plant(stock)
    with pytest.raises(Refused):
        applied(stock, ModeRepair(f"{CONF}/planted.pl", 0))
    if stock.path("/root/victim").exists():
        assert mode(stock, "/root/victim") == 0o666


def test_refuses_a_link_on_the_way(stock):
    site = stock.site()
    _linked_folder(stock)
    with pytest.raises(Refused):
        modes.look(site, ModeRepair(f"{CONF}/planted.pl", 0))
    assert mode(stock, "/root/victim/planted.pl") == 0o666


@pytest.mark.parametrize("name", [
    f"{TOP}/cpool/00/00/pending", f"{TOP}/pc/localhost/backups", f"{TOP}/pc/localhost",
    f"{TOP}/poolCnt.0", f"{TOP}/.ssh/deep/id",
])
def test_leaves_alone_what_lies_in_the_pool(stock, name):
    if name.endswith("localhost"):
        stock.folder(name, 0o755, BACKUPPC)
    else:
        stock.write(name, "", 0o445, BACKUPPC)
    before = mode(stock, name)
    with pytest.raises(Refused, match="belong to the pool"):
        applied(stock, ModeRepair(name, 0o700))
    assert mode(stock, name) == before


@pytest.mark.parametrize("name", [TOP, f"{TOP}/cpool", f"{TOP}/.ssh/id_rsa",
                                  f"{TOP}/pc/localhost/config.pl"])
def test_mends_the_first_level_keys_and_legacy_host_files(stock, name):
    if stock.path(name).exists():
        stock.chmod(name, 0o755)
    else:
        stock.write(name, "", 0o644, BACKUPPC)
    applied(stock, ModeRepair(name, 0o700))
    assert mode(stock, name) & 0o077 == 0


def test_names_the_admins_dpkg_statoverride_and_does_not_fight_it(stock):
    with pytest.raises(Refused, match="dpkg-statoverride"):
        applied(stock, ModeRepair(CGI, 0o700))
    assert mode(stock, CGI) == 0o4750


def test_refuses_a_file_of_a_third_account(stock):
    stock.write("/etc/passwd", "root:x:4711:0::/:/bin/sh\nbackuppc:x:4711:0::/:/bin/sh\n")
    site = stock.site()
    site.disk.superuser = 4711
    with pytest.raises(Refused, match="belongs to uid"):
        modes.look(site, ModeRepair(f"{CONF}/localhost.pl", 0o600))


TRIES, MOST_TRIES = 2000, 100_000


def test_never_reaches_a_foreign_file_while_another_account_swaps_names(stock):
    # Its own account where we aren't root: a second name of the victim proves nothing then.
    stock.write("/srv/victim", "x", 0o666)
    stock.write(f"{CONF}/raced.pl", "x", 0o644, BACKUPPC)
    info = os.stat(stock.path(CONFIG))
    argv = [sys.executable, "-c", _RACER, str(info.st_gid), str(info.st_uid),
            "../../srv/victim"]
    racer = subprocess.Popen(argv, cwd=stock.path(CONF), stdout=subprocess.PIPE)
    try:
        assert racer.stdout is not None
        racer.stdout.readline()
        site, done = stock.site(), 0
        # On a busy machine each of them may meet the other's name: then on, until one got by.
        for tried in range(MOST_TRIES):
            if tried >= TRIES and done:
                break
            notes = journal.Journal(site.disk)
            with contextlib.suppress(Refused), contextlib.closing(notes):
                modes.apply(site, ModeRepair(f"{CONF}/raced.pl", 0o600), notes)
                done += 1
    finally:
        racer.kill()
        racer.wait()
    assert mode(stock, "/srv/victim") == 0o666
    assert done  # else nothing was ever raced


def test_makes_no_journal_when_there_is_nothing_to_do(stock):
    path = applied(stock, ModeRepair(CONFIG, 0o777))
    assert not os.path.exists(path)
