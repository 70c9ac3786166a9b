"""What doctor says of BackupPC's own configuration and of the files of the keys."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.doctor import TIMERS
from bpc_ssh_guard.keys.files import Pairs, generate_alone
from bpc_ssh_guard.keys.render import EDITABLE, render, settings

if TYPE_CHECKING:
    from bpc_ssh_guard.keys.config import Config

STOCK = Path("/usr/share/backuppc/conf/config.pl")


class Server:
    """A server below FOLDER: BackupPC's stock configuration with our settings, and web1's keys."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.path = str(folder / "config")
        Path(self.path).write_text(f'[paths]\netc = "{folder}/etc"\nvar = "{folder}/var"\n'
                                   'reader = ""\n[host.web1]\n')
        me = pwd.getpwuid(os.geteuid()).pw_name
        assert main(["keys", "init", "--config", self.path, "--account", me]) == 0
        for label in ("web1-backup", "web1-restore"):
            pairs = Pairs(self.config.pairs("web1", label))
            pairs.generate(1)
            pairs.switch(1)
        generate_alone(folder / "var/rotation/web1")
        (folder / "etc/known_hosts.d/web1").write_text("web1 ssh-ed25519 AAAA\n")
        (folder / "etc/known_hosts.d/web1").chmod(0o640)
        render(self.config)
        (self.root / "etc/backuppc").mkdir(parents=True)
        self.configure("\n".join(settings(self.config)))
        self.hosts("web1")

    @property
    def config(self) -> Config:
        return load(self.path)

    def configure(self, lines: str) -> None:
        text = STOCK.read_text("utf-8") + '\n$Conf{XferMethod} = "rsync";\n' + lines + "\n"
        (self.root / "etc/backuppc/config.pl").write_text(text, "utf-8")

    def hosts(self, *names: str) -> None:
        lines = ["host dhcp user moreUsers", *(f"{name} 0 backuppc" for name in names)]
        (self.root / "etc/backuppc/hosts").write_text("\n".join(lines) + "\n")


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def found(server: Server, capsys: pytest.CaptureFixture[str], status: int = 1) -> dict[str, str]:
    """Return the verdict of each subject but the timers', which are this machine's own."""
    capsys.readouterr()
    ended = main(["keys", "doctor", "--config", server.path, "--root", str(server.root), "--json"])
    told = json.loads(capsys.readouterr().out)
    used = {TIMERS[host.channel] for host in server.config.hosts.values()}
    assert {each["subject"] for each in told} & set(TIMERS.values()) == used
    verdicts = {each["subject"]: each["verdict"] for each in told if each["subject"] not in used}
    assert ended == (0 if all(each["verdict"] == "right" for each in told) else 1)
    return {subject: verdict for subject, verdict in verdicts.items() if verdict != "right"}


def test_the_rendered_settings_and_files_are_right(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(server, capsys) == {}


def test_the_stock_settings_are_wrong_each_by_its_name(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.configure("")
    said = found(server, capsys)
    editable = {f"CgiUserConfigEdit{{{name}}}" for name in EDITABLE}
    assert {"RsyncSshArgs", "RsyncRestoreArgsExtra", "TarClientCmd", "TarClientRestoreCmd",
            "RsyncSshArgs of web1", "RsyncRestoreArgsExtra of web1"} <= set(said)
    assert editable & set(said)
    assert set(said.values()) == {"wrong"}


@pytest.mark.parametrize("line", [
    "$Conf{RsyncArgsExtra} = ['-e', '/usr/bin/ssh -l root'];",
    "$Conf{RsyncIncrArgsExtra} = ['--rsh=/tmp/x'];",
])
def test_a_later_e_that_would_win_is_named(
    server: Server, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    (server.root / "etc/backuppc/web1.pl").write_text(line + "\n")
    name = line[len("$Conf{"):].split("}")[0]
    assert found(server, capsys) == {f"{name} of web1": "wrong"}


def test_a_hosts_own_file_that_names_another_key_is_told(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    (server.root / "etc/backuppc/web1.pl").write_text(
        "$Conf{RsyncSshArgs} = ['-e', '$sshPath -l root'];\n$Conf{CgiUserConfigEdit} ="
        " { RsyncArgs => 1 };\n$Conf{CgiUserConfigEditEnable} = 1;\n")
    assert found(server, capsys) == {"RsyncSshArgs of web1": "wrong",
                                     "CgiUserConfigEdit{RsyncArgs} of web1": "wrong"}


def test_what_cannot_be_read_is_unknown_and_never_right(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    (server.root / "etc/backuppc/config.pl").write_text("system('date');\n")
    said = found(server, capsys)
    assert {said["ssh of BackupPC"], said["CgiUserConfigEdit"]} == {"unknown"}


def test_hosts_that_only_one_of_the_two_has_are_named(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.hosts("web2")
    assert found(server, capsys) == {"web1": "wrong", "web2": "wrong"}


@pytest.mark.parametrize(("path", "mode"), [
    ("var/keys/web1/web1-backup/g1", 0o660), ("var/rotation/web1", 0o640),
    ("etc/ssh/web1.backup.conf", 0o660), ("etc/known_hosts.d/web1", 0o666),
])
def test_a_file_that_is_open_to_others_is_named(
    server: Server, capsys: pytest.CaptureFixture[str], path: str, mode: int
) -> None:
    (server.folder / path).chmod(mode)
    assert found(server, capsys) == {str(server.folder / path): "wrong"}


@pytest.mark.parametrize("path", [
    "etc/ssh/web1.restore.conf", "etc/known_hosts.d/web1", "var/keys/web1/web1-backup/current",
    "var/rotation/web1",
])
def test_a_file_that_is_missing_is_named(
    server: Server, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    (server.folder / path).unlink()
    assert found(server, capsys) == {str(server.folder / path): "wrong"}


def test_a_rendered_file_that_was_changed_is_named(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    path = server.folder / "etc/ssh/web1.backup.conf"
    path.write_text(path.read_text() + "  ProxyCommand /tmp/x\n")
    assert found(server, capsys) == {str(path): "wrong"}


@pytest.fixture
def certified(server: Server, tmp_path: Path) -> Server:
    """Return the server with certificates for web1, whose client has no rotation key."""
    with open(server.path, "a", encoding="ascii") as file:
        file.write('channel = "certificate"\nfrom = []\n'
                   f'[certificates]\nfolder = "{tmp_path}/ca"\n')
    for action in ("init", "issue"):
        assert main(["keys", "ca", "--config", server.path, action]) == 0
    (server.folder / "var/rotation/web1").unlink()
    render(server.config)
    return server


def test_certificates_in_use_are_right(
    certified: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(certified, capsys) == {}


@pytest.mark.parametrize("path", ["ca", "var/keys/web1/web1-backup/current-cert.pub"])
def test_what_a_certificate_needs_is_named_where_it_is_missing_or_open(
    certified: Server, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    at = certified.folder / path
    mode = at.stat().st_mode
    at.chmod(0o777)
    assert found(certified, capsys) == {str(at): "wrong"}
    at.chmod(mode)
    at.rename(tmp := at.with_name("aside"))
    assert found(certified, capsys) == {str(at): "wrong"}
    tmp.rename(at)
    assert found(certified, capsys) == {}


def test_without_a_backuppc_it_could_not_run(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["keys", "doctor", "--config", server.path, "--root", f"{tmp_path}/empty"]) == 2
    assert "no BackupPC below" in capsys.readouterr().err
