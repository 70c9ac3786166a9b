"""A setting is edited as the backuppc user, with all else kept; a later hand is not overruled."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
import time

import pytest

from bpc_ssh_guard.backuppc import content
from bpc_ssh_guard.backuppc.editing import edited
from bpc_ssh_guard.backuppc.perl.writing import literal
from bpc_ssh_guard.backuppc.refused import Refused
from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.fix import configuration, journal
from bpc_ssh_guard.posture.repair import ConfigRepair, Generated
from tests.oracles.perl_config import PerlConfig
from tests.posture_tree import CONF, CONFIG


@pytest.fixture(scope="module")
def perl():
    """Return perl, which lives as long as the module's tests."""
    oracle = PerlConfig()
    yield oracle
    oracle.close()


def applied(tree, *repairs):
    """Apply REPAIRS and return the journal's path."""
    notes = journal.Journal(tree.site().disk)
    with contextlib.closing(notes):
        for repair in repairs:
            configuration.apply(tree.site(), repair, notes)
    return notes.path


def undone(tree, path):
    for change in reversed(journal.read(path)):
        configuration.undo(tree.site(), change, path)


def test_changes_one_setting_and_nothing_else(stock, perl):
    before = stock.path(CONFIG).read_bytes()
    info = os.stat(stock.path(CONFIG))
    applied(stock, ConfigRepair(None, ("ServerPort",), "-1"),
            ConfigRepair(None, ("UmaskMode",), "63"),
            ConfigRepair(None, ("CgiUserConfigEdit", "RsyncSshArgs"), "0"),
            ConfigRepair(None, ("SCGIServerPort",), None))
    after = stock.path(CONFIG).read_bytes()
    old, new = perl.read(before), perl.read(after)
    assert {key for key in new if new[key] != old.get(key)} == {
        "UmaskMode", "CgiUserConfigEdit", "SCGIServerPort"}
    assert new["UmaskMode"] == "63"
    assert new["SCGIServerPort"] is None
    assert new["CgiUserConfigEdit"] == {**old["CgiUserConfigEdit"], "RsyncSshArgs": "0"}
    now = os.stat(stock.path(CONFIG))
    assert (now.st_mode, now.st_uid, now.st_gid) == (info.st_mode, info.st_uid, info.st_gid)


def test_undo_gives_back_every_byte_and_the_mode(stock):
    before = stock.path(CONFIG).read_bytes()
    stock.chmod(CONFIG, 0o640)
    path = applied(stock, ConfigRepair(None, ("UmaskMode",), "63"),
                   ConfigRepair(None, ("ServerMesgSecret",), Generated.SECRET))
    undone(stock, path)
    assert stock.path(CONFIG).read_bytes() == before
    assert stat.S_IMODE(os.stat(stock.path(CONFIG)).st_mode) == 0o640


def test_undo_leaves_alone_what_somebody_changed_since(stock):
    path = applied(stock, ConfigRepair(None, ("UmaskMode",), "63"))
    stock.configure("$Conf{Language} = 'de';")
    text = stock.read(CONFIG)
    with pytest.raises(Refused, match="changed since"):
        undone(stock, path)
    assert stock.read(CONFIG) == text


def test_makes_a_long_secret_and_never_says_it(stock):
    repair = ConfigRepair(None, ("ServerMesgSecret",), Generated.SECRET)
    words = configuration.look(stock.site(), repair)
    applied(stock, repair)
    secret = stock.site().setting("ServerMesgSecret")
    assert isinstance(secret, str)
    assert len(secret) >= 32
    assert secret not in words
    assert "a new random secret" in words


def test_edits_a_hosts_own_file(stock):
    applied(stock, ConfigRepair("localhost", ("XferMethod",), "rsync"))
    site = stock.site()
    assert site.setting("XferMethod", "localhost") == "rsync"
    assert site.setting("XferMethod") == "smb"


def test_writes_the_whole_hash_where_a_host_changes_a_part_of_it(stock):
    applied(stock, ConfigRepair("localhost", ("CgiUserConfigEdit", "RsyncArgs"), "0"))
    edit = stock.site().setting("CgiUserConfigEdit", "localhost")
    assert edit["RsyncArgs"] == "0"
    assert edit["TarShareName"] == "1"


def test_says_the_line_to_type_for_a_file_that_is_a_program(stock):
    stock.configure("eval { 1 };")
    text = stock.read(CONFIG)
    with pytest.raises(Refused, match=r"type it yourself: \$Conf\{ServerPort\} = '-1';"):
        configuration.look(stock.site(), ConfigRepair(None, ("ServerPort",), "-1"))
    assert stock.read(CONFIG) == text


def test_has_nothing_to_do_where_the_value_stands_already(stock):
    assert configuration.look(stock.site(), ConfigRepair(None, ("ServerPort",), "-1")) is None


@pytest.mark.parametrize(("data", "keys", "value"), [
    (b"", ("A",), "x"),
    (b"# only a comment", ("A",), "x"),
    (b"$Conf{B} = 1", ("A",), "x"),
    (b"$Conf{B} = <<EOF;\ntext\nEOF\n1;\n", ("A",), "it's\\"),
    (b"$Conf{B} = <<EOF;\ntext\nEOF", ("A",), ["a", None, {"b": []}]),
    (b"$Conf{A} = <<EOF;\ntext\nEOF\n$Conf{B} = 1;\n", ("A",), "x"),
    (b"$Conf{A}{x} = 1; $Conf{A}{y} = 2;\n$Conf{B} = 1;", ("A", "x"), "3"),
    (b"$Conf{A} = 1 if -x '/bin/ls';\n$Conf{B} = 1;", ("A",), "x"),
    (b"use utf8;\n$Conf{B} = '\xc3\xa9';\n", ("A",), "caf\u00e9 \u263a $x @y \r"),
    (b"$Conf{A} = 'a'; # why\n$Conf{A} = 'b'; # really\n", ("A",), "c"),
])
def test_the_edit_reads_in_perl_as_it_was_meant(perl, data, keys, value):
    new = edited("x.pl", data, _unset, keys, value)
    old = perl.read(data) or {}
    expected = {**old, keys[0]: value if len(keys) == 1 else {**old[keys[0]], keys[1]: value}}
    assert perl.read(new) == expected


def _unset(name):
    raise KeyError(name)


def test_ends_no_file_with_an_undef_that_backuppc_takes_for_failure(stock):
    stock.configure("$Conf{SmbSharePasswd} = 'x';")
    applied(stock, ConfigRepair(None, ("SmbSharePasswd",), None))
    script = "$! = 2; my $ret = do $ARGV[0]; exit(defined $ret ? 0 : 1)"
    done = subprocess.run(["/usr/bin/perl", "-e", script, str(stock.path(CONFIG))], check=False)
    assert done.returncode == 0
    assert stock.site().setting("SmbSharePasswd") is None


def test_refuses_to_edit_where_another_setting_is_made_from_it():
    with pytest.raises(Refused):
        edited("x.pl", b"$Conf{A} = 'a'; $Conf{B} = $Conf{A} . 'b';", _unset, ("A",), "x")
    with pytest.raises(Undecided):
        edited("x.pl", b"$Conf{A} = `date`; eval 1;", _unset, ("A",), "x")


def test_writes_perl_in_the_manner_of_backuppcs_editor():
    assert literal({"b": ["x"], "a": {}}) == "{\n  'a' => {},\n  'b' => [\n    'x'\n  ]\n}"
    assert literal({"b": ["x", None], "a": {}}, flat=True) == "{'a' => {}, 'b' => ['x', undef]}"


def test_waits_for_backuppcs_lock_and_gives_up_with_nothing_written(stock):
    data, info = stock.path(CONFIG).read_bytes(), os.stat(stock.path(CONFIG))
    wanted = content.Exchange(CONFIG, data, b"1;", 0o644, info.st_uid, info.st_gid, CONF, 0.1)
    with open(stock.path(f"{CONF}/LOCK"), "w") as lock:
        if stock.owned:
            os.chown(lock.fileno(), info.st_uid, info.st_gid)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="held by BackupPC"):
            content.exchange(stock.root, wanted)
        assert stock.path(CONFIG).read_bytes() == data
        fcntl.flock(lock, fcntl.LOCK_UN)
        content.exchange(stock.root, wanted)
    assert stock.path(CONFIG).read_bytes() == b"1;"


@pytest.mark.parametrize("change", ["mode", "content"])
def test_writes_nothing_where_the_file_changed_after_it_was_read(stock, change):
    data, info = stock.path(CONFIG).read_bytes(), os.stat(stock.path(CONFIG))
    wanted = content.Exchange(CONFIG, data, b"1;", 0o777, info.st_uid, info.st_gid, CONF)
    if change == "content":
        stock.configure("# another line")
        wanted = content.Exchange(CONFIG, data, b"1;", 0o644, info.st_uid, info.st_gid, CONF)
    with pytest.raises(Refused, match=r"by now|meanwhile"):
        content.exchange(stock.root, wanted)
    assert stock.read(CONFIG) != "1;"


@pytest.mark.parametrize("plant", ["link", "hard", "folder"])
def test_writes_through_no_name_that_was_planted(stock, plant):
    site = stock.site()
    stock.write("/srv/victim", stock.path(CONFIG).read_bytes(), 0o666)
    if plant == "folder":
        stock.path(CONF).rename(stock.path("/etc/moved"))
        stock.folder("/srv/own")
        stock.link(CONF, "/etc/moved")
    else:
        stock.remove(CONFIG)
        if plant == "link":
            stock.link(CONFIG, "/srv/victim")
        else:
            os.link(stock.path("/srv/victim"), stock.path(CONFIG))
    notes = journal.Journal(site.disk)
    with contextlib.closing(notes), pytest.raises((Refused, Undecided)):
        configuration.apply(site, ConfigRepair(None, ("UmaskMode",), "63"), notes)
    assert "'63'" not in stock.read("/srv/victim")


def test_edits_with_no_more_rights_than_the_files_account(stock):
    # Root itself would not be stopped by this mode.
    stock.chmod(CONF, 0o555)
    with pytest.raises(Refused, match="Permission denied"):
        applied(stock, ConfigRepair(None, ("UmaskMode",), "63"))


PATIENCE = 30.0  # seconds
_SWAPPER = """
import os, sys
gid, uid = map(int, sys.argv[1:3])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
print(flush=True)
text = open("config.pl", "rb").read()
while True:
    os.symlink(sys.argv[3], "link")
    with open("file", "wb") as file: file.write(text)
    os.rename("link", "config.pl"); os.rename("file", "config.pl")
"""


def test_never_writes_a_foreign_file_while_another_account_swaps_names(stock):
    stock.write("/srv/victim", "victim", 0o666)
    info, site = os.stat(stock.path(CONFIG)), stock.site()
    racer = subprocess.Popen(
        [sys.executable, "-c", _SWAPPER, str(info.st_gid), str(info.st_uid), "../../srv/victim"],
        cwd=stock.path(CONF), stdout=subprocess.PIPE)
    done = 0
    try:
        racer.stdout.readline()
        end, number = time.monotonic() + PATIENCE, 0
        while done < 3 and time.monotonic() < end:  # often enough in the middle of it
            time.sleep(0.001)  # on a busy machine the other account has its turn, too
            number += 1
            notes = journal.Journal(site.disk)
            with contextlib.closing(notes), contextlib.suppress(Refused, Undecided,
                                                                FileNotFoundError):
                repair = ConfigRepair(None, ("UmaskMode",), str(number))
                configuration.apply(site, repair, notes)
                done += 1
    finally:
        racer.kill()
        racer.wait()
    assert stock.read("/srv/victim") == "victim"
    assert done
