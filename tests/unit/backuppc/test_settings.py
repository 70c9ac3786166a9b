"""The settings in effect of a server, and what hostile or odd files do to them."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from bpc_ssh_guard.backuppc.disk import Disk
from bpc_ssh_guard.backuppc.layout import LAYOUTS
from bpc_ssh_guard.backuppc.settings import Settings
from bpc_ssh_guard.backuppc.undecided import Undecided

CONFIG = b"""$Conf{XferMethod} = 'smb';
$Conf{SmbSharePasswd} = '';
$Conf{CgiUserConfigEdit} = { TarIncrArgs => 1, RsyncArgs => 1 };
$Conf{PingCmd} = 'ping';
$Conf{TopDir} = '/srv/pool/';
"""
HOSTS = rb"""# comment
host  dhcp  user  moreUsers   # the header
Web1   0    anna  bert,carl
with\ blank 1
nothing-else
a\ /../../etc 0 mallory
web2 0 dora
"""


class Server:
    """A server's configuration below a temporary folder, as one LAYOUT has it."""

    def __init__(self, root, name="debian"):
        self.root = root
        self.layout = next(each for each in LAYOUTS if each.name == name)
        self.write(self.layout.config, CONFIG)
        self.write(self.layout.hosts, HOSTS)

    def at(self, path):
        return self.root / path.lstrip("/")

    def write(self, path, data):
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_bytes(data)

    @property
    def settings(self):
        return Settings.read(Disk(self.root), self.layout)


@pytest.fixture
def server(tmp_path):
    """Return a server in Debian's layout."""
    return Server(tmp_path)


def test_lays_a_hosts_file_over_the_servers(server):
    server.write("/etc/backuppc/web1.pl", b"\n$Conf{XferMethod} = 'rsync';\n$Conf{New} = undef;\n")
    settings = server.settings
    assert settings.value("XferMethod") == "smb"
    assert settings.value("XferMethod", "web1") == "rsync"
    assert settings.place("XferMethod", "web1") == ("/etc/backuppc/web1.pl", 2)
    assert settings.value("PingCmd", "web1") == "ping"
    assert settings.place("PingCmd", "web1") == ("/etc/backuppc/config.pl", 4)
    assert settings.value("XferMethod", "web2") == "smb"
    assert settings.is_set("New", "web1")
    assert not settings.is_set("New")
    assert settings.host_settings("web1") == {"XferMethod": "rsync", "New": None}
    assert settings.host_settings("web2") == {}


def test_changes_a_part_of_a_hash_for_one_host_alone(server):
    server.write("/etc/backuppc/web1.pl", b"$Conf{CgiUserConfigEdit}{RsyncArgs} = 0;\n")
    settings = server.settings
    edit = settings.value("CgiUserConfigEdit", "web1")
    assert edit == {"TarIncrArgs": "1", "RsyncArgs": "0"}
    assert settings.value("CgiUserConfigEdit") == {"TarIncrArgs": "1", "RsyncArgs": "1"}


def test_agrees_with_perl_on_two_files_in_sequence(server, perl):
    own = (b"$Conf{CgiUserConfigEdit}{RsyncArgs} = 0; $Conf{New}{a}{b} = 1;\n"
           b"$Conf{PingCmd} = $Conf{PingCmd} . ' -c 1';\n")
    server.write("/etc/backuppc/web1.pl", own)
    truth, settings = perl.read(CONFIG, own), server.settings
    assert truth == {name: settings.value(name, "web1") for name in truth}


def test_reads_debians_local_file_before_config_and_before_each_host(server):
    server.write("/etc/backuppc/localconfig.pl",
                 b"$Conf{PingCmd} = 'local'; $Conf{Local} = 'yes';\n")
    settings = server.settings
    assert settings.value("PingCmd") == "ping"
    assert settings.value("Local") == "yes"
    assert settings.value("PingCmd", "web1") == "local"
    assert [file.path for file in settings.files()] == [
        "/etc/backuppc/localconfig.pl", "/etc/backuppc/config.pl"]


@pytest.mark.parametrize("path", [
    "/srv/pool/pc/web1/config.pl", "/etc/backuppc/web1.pl", "/etc/backuppc/pc/web1.pl"])
def test_finds_a_hosts_file_wherever_debians_backuppc_does(server, path):
    server.write(path, b"$Conf{XferMethod} = 'tar';\n")
    assert server.settings.value("XferMethod", "web1") == "tar"


def test_finds_a_hosts_file_in_upstreams_folder_only(tmp_path):
    server = Server(tmp_path, "upstream")
    server.write("/etc/BackupPC/web1.pl", b"$Conf{XferMethod} = 'wrong';\n")
    server.write("/etc/BackupPC/pc/web1.pl", b"$Conf{XferMethod} = 'tar';\n")
    assert server.settings.value("XferMethod", "web1") == "tar"


def test_lists_hosts_as_backuppc_reads_them_but_none_that_leaves_the_folder(server):
    settings = server.settings
    assert [(each.name, each.dhcp, each.user, each.more_users, each.line)
            for each in settings.hosts] == [
        ("web1", False, "anna", ("bert", "carl"), 3), ("with blank", True, "", (), 4),
        ("web2", False, "dora", (), 7)]
    assert settings.hosts_trouble is not None
    assert settings.hosts_trouble.line == 6


def test_takes_folders_from_the_settings_or_else_from_the_layout(server):
    assert server.settings.folder("TopDir") == "/srv/pool"
    assert server.settings.folder("LogDir") == "/var/lib/backuppc/log"
    server.write("/etc/backuppc/config.pl", CONFIG + b"$Conf{LogDir} = '../log';\n")
    with pytest.raises(Undecided):
        server.settings.folder("LogDir")


def test_knows_no_setting_of_a_tainted_server(server):
    server.write("/etc/backuppc/config.pl", CONFIG + b"eval { 1 };\n")
    for host in (None, "web1"):
        with pytest.raises(Undecided) as undecided:
            server.settings.value("PingCmd", host)
        assert (undecided.value.subject, undecided.value.line) == ("/etc/backuppc/config.pl", 6)


def test_knows_no_setting_of_a_host_whose_file_is_tainted(server):
    server.write("/etc/backuppc/web1.pl", b"$Conf{XferMethod} = 'rsync';\neval { 1 };\n")
    settings = server.settings
    with pytest.raises(Undecided) as undecided:
        settings.value("PingCmd", "web1")
    assert (undecided.value.subject, undecided.value.line) == ("/etc/backuppc/web1.pl", 2)
    assert settings.value("PingCmd", "web2") == "ping"


def test_takes_a_host_that_is_not_listed_for_undecided(server):
    with pytest.raises(Undecided):
        server.settings.value("PingCmd", "nobody-knows")


def _link(path, root):
    (root / "target").write_bytes(CONFIG)
    path.symlink_to(root / "target")


def _long(path, root):
    with path.open("wb") as file:
        file.truncate(1 << 30)


@pytest.mark.parametrize(("plant", "reason"), [
    (_link, "a symbolic link"),
    (lambda path, root: os.mkfifo(path), "not a regular file"),
    (_long, "longer than"),
    (lambda path, root: path.write_bytes(b"$Conf{A} = <<X;\nhunter2 @ x\nX\n"), "a variable"),
    (lambda path, root: path.write_bytes(b"$Conf{A} = qq\xffhunter2\xff;"), "not plain"),
], ids=["link", "fifo", "gigabyte", "document", "quoting"])  # fmt: skip
@pytest.mark.parametrize("name", ["config.pl", "web1.pl"])
def test_neither_follows_nor_waits_nor_shows_what_hostile_files_hold(server, plant, reason, name):
    path = server.at(f"/etc/backuppc/{name}")
    path.unlink(missing_ok=True)
    plant(path, server.root)
    with pytest.raises(Undecided) as undecided:
        server.settings.value("PingCmd", "web1")
    assert reason in undecided.value.reason
    assert "hunter2" not in str(undecided.value)


def test_reads_every_kind_of_layout(tmp_path):
    for layout in LAYOUTS:
        server = Server(tmp_path / layout.name, layout.name)
        assert server.settings.value("PingCmd", "web2") == "ping"
        assert replace(layout).config == server.settings.files()[0].path
