"""Passwords are listed without being told, and only what BackupPC takes from elsewhere moves."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess

import pytest

from bpc_ssh_guard.backuppc.refused import Refused
from bpc_ssh_guard.posture.fix import migrate, plan, secrets
from bpc_ssh_guard.posture.fix.journal import Journal
from tests.posture_tree import CONFIG, UNIT
from tests.unit.posture.checks.conftest import troubles

PASSWORD = r"hunter2 it\'s $x"  # as Perl has it between single quotes


@pytest.fixture
def server(stock):
    """Return a stock server with passwords."""
    stock.configure(f"$Conf{{SmbSharePasswd}} = '{PASSWORD}';", "$Conf{RsyncdPasswd} = 'rsync';",
                    "$Conf{ServerMesgSecret} = 'sesame';")
    return stock


def migrated(tree):
    site = tree.site()
    journal = Journal(site.disk)
    with contextlib.closing(journal):
        return migrate.apply(site, journal), journal.path


def test_lists_every_password_with_what_can_be_done_and_without_its_value(server):
    places = secrets.places(server.site())
    assert {(place.key, place.stays is None) for place in places} == {
        ("SmbSharePasswd", True), ("RsyncdPasswd", False), ("ServerMesgSecret", False)}
    assert {place.path for place in places} == {CONFIG}
    for value in ("hunter2", "'rsync'", "sesame"):
        assert value not in repr(places)
        assert value not in "".join(migrate.words(server.site()))


def test_moves_the_password_to_a_file_of_root_alone_below_another_root(server):
    written, _ = migrated(server)
    credential = server.path(secrets.PLAIN)
    assert credential.read_bytes() == b"hunter2 it's $x"
    assert stat.S_IMODE(credential.stat().st_mode) == 0o600
    assert "hunter2" not in server.read(CONFIG)
    site = server.site()
    assert site.settings.is_set("SmbSharePasswd")
    assert site.setting("SmbSharePasswd") is None
    assert site.setting("RsyncdPasswd") == "rsync"
    assert written[-1] == CONFIG


def test_writes_a_unit_that_systemd_finds_right(server):
    migrated(server)
    server.write("/bin/kill", "", 0o755)
    for target in ("sysinit", "basic", "shutdown", "multi-user", "local-fs"):
        server.write(f"/lib/systemd/system/{target}.target", "[Unit]\nDescription=x\n")
    done = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no",
                           f"--root={server.root}", "backuppc.service"],
                          capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in done.stderr.splitlines() if "smb-password" in line]
    assert said == []
    assert done.returncode == 0, done.stderr


def test_the_wrapper_hands_over_the_password_and_starts_nothing_without_it(server):
    migrated(server)
    wrapper = str(server.path(secrets.WRAPPER))
    folder = server.root / "credentials"
    folder.mkdir()
    show = ["/usr/bin/printenv", "BPC_SMB_PASSWD"]
    environment = {"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(folder)}
    missing = subprocess.run([wrapper, *show], env=environment, capture_output=True, check=False)
    assert (missing.returncode, missing.stdout) == (1, b"")
    (folder / secrets.NAME).write_bytes(server.path(secrets.PLAIN).read_bytes())
    given = subprocess.run([wrapper, *show], env=environment, capture_output=True, check=True)
    assert given.stdout == b"hunter2 it's $x\n"
    assert subprocess.run([wrapper, *show], env={"PATH": "/usr/bin:/bin"},
                          capture_output=True, check=False).returncode != 0


def test_undo_restores_every_byte_and_removes_what_it_wrote(server):
    before = server.path(CONFIG).read_bytes()
    written, journal = migrated(server)
    assert [reason for _, reason in plan.undo(server.site(), journal)] == [""] * len(written)
    assert server.path(CONFIG).read_bytes() == before
    assert [path for path in written if server.path(path).exists()] == [CONFIG]


def test_undo_leaves_alone_a_wrapper_that_somebody_changed(server):
    _, journal = migrated(server)
    server.append(secrets.WRAPPER, "# mine")
    left = dict(plan.undo(server.site(), journal))
    assert [path for path, reason in left.items() if reason] == [secrets.WRAPPER]
    assert server.path(secrets.WRAPPER).exists()


@pytest.mark.parametrize(("change", "reason"), [
    (lambda tree: tree.add_host("pc", "$Conf{SmbSharePasswd} = 'other';"), "different passwords"),
    (lambda tree: tree.add_host("pc", "$Conf{SmbSharePasswd} = undef;"), "would be sent that of"),
    (lambda tree: tree.add_host("pc", "eval 1;"), "can't be told"),
    (lambda tree: tree.configure("$Conf{SmbSharePasswd} = \"two\\nlines\";"), "end of a line"),
    (lambda tree: tree.remove(UNIT), "no systemd service"),
    (lambda tree: tree.replace(UNIT, "ExecStart=", "ExecStart=-"), "with a prefix"),
    (lambda tree: tree.append(UNIT, "[Service]", "Environment=BPC_SMB_PASSWD=x"), "set here"),
    (lambda tree: migrated(tree) and tree.configure("$Conf{SmbSharePasswd} = 'x';"), "in use"),
], ids=["different", "undef", "tainted", "newline", "no unit", "prefix", "environment", "twice"])
def test_moves_nothing_where_that_would_not_be_the_same(server, change, reason):
    change(server)
    text = server.read(CONFIG)
    with pytest.raises(Refused, match=reason):
        migrate.words(server.site())
    with pytest.raises(Refused):
        migrated(server)
    assert server.read(CONFIG) == text


def test_refuses_a_folder_that_others_can_change(server):
    server.folder("/etc/bpc-ssh-posture", 0o777)
    with pytest.raises(Refused, match="not root's alone"):
        migrated(server)
    assert "hunter2" in server.read(CONFIG)
    assert os.listdir(server.path("/etc/bpc-ssh-posture")) == []


def test_an_audit_finds_nothing_wrong_with_where_the_password_went(server):
    before = troubles(server, "SEC-01", "SEC-05", "INS-01", "SYS-01")
    migrated(server)
    after = troubles(server, "SEC-01", "SEC-05", "INS-01", "SYS-01")
    assert after - before == set()


def test_an_audit_finds_the_moved_password_dead_after_a_save_in_the_web_interface(server):
    migrated(server)
    assert troubles(server, "SEC-05") == set()
    server.replace(CONFIG, "$Conf{SmbSharePasswd} = undef;", "$Conf{SmbSharePasswd} = '';")
    assert {each[:2] for each in troubles(server, "SEC-05")} == {("SEC-05", "fail")}
