"""`render --apply` puts the settings into a config.pl that is plain data, and keeps what it was."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.backuppc.perl.evaluate import evaluate
from bpc_ssh_guard.backuppc.perl.reader import read
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.render import EDITABLE, values

from .test_render import BACKUPPC, configured

INSTALL_DIR = "$Conf{InstallDir} = '/nonexistent';\n"  # so that no daemon is told


class Server:
    """BackupPC's configuration folder, and the key server's configuration beside it."""

    def __init__(self, folder: Path) -> None:
        self.config = configured(folder)
        self.conf = folder / "backuppc"
        self.conf.mkdir(mode=0o755)
        self.path = self.conf / "config.pl"
        shutil.copy(BACKUPPC, self.path)
        self.append(INSTALL_DIR)
        self.path.chmod(0o640)
        (self.conf / "hosts").write_text("host dhcp user\nweb1 0 backuppc\n")

    def append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def render(self, *words: str) -> int:
        return main(["keys", "render", "--config", self.config.path, "--apply",
                     "--backuppc-config", str(self.path), *words])

    @property
    def kept(self) -> list[Path]:
        return sorted(self.conf.glob("config.pl.before-keys*"))


def _none(name: str) -> None:
    raise KeyError(name)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def settings_of(path: Path):
    return evaluate(str(path), read(str(path), path.read_bytes()), _none).known


def test_every_setting_is_in_effect_and_no_other_has_changed(server: Server) -> None:
    before = settings_of(server.path)
    server.render()
    after = settings_of(server.path)
    for keys, value in values(load(server.config.path)):
        found = after[keys[0]]
        assert (found[keys[1]] if len(keys) > 1 else found) == value
    touched = {keys[0] for keys, _ in values(load(server.config.path))}
    assert {name for name in before if after[name] != before[name]} <= touched
    assert after["CgiUserConfigEdit"].keys() == before["CgiUserConfigEdit"].keys() | {*EDITABLE}


def test_the_change_is_shown_and_what_was_there_is_kept_closed(server: Server, capsys) -> None:
    before = server.path.read_bytes()
    server.render()
    shown = capsys.readouterr().out
    assert f"+  '$sshPath -F {server.config.stanzas}/$client.backup.conf'\n" in shown
    assert shown.startswith("--- ")
    (kept,) = server.kept
    assert kept.read_bytes() == before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o640


def test_a_second_run_changes_nothing(server: Server, capsys) -> None:
    server.render()
    after = server.path.read_bytes()
    capsys.readouterr()
    assert server.render() == 0
    assert "same    " in capsys.readouterr().out
    assert server.path.read_bytes() == after
    assert len(server.kept) == 1


def test_another_change_keeps_each_state_by_its_own_name(server: Server) -> None:
    server.render()
    server.append("$Conf{RsyncSshArgs} = ['-e', '$sshPath -l root'];\n")
    server.render()
    assert [kept.name for kept in server.kept] == [
        "config.pl.before-keys", "config.pl.before-keys.2"]


def test_a_dry_run_says_1_and_writes_nothing(server: Server, capsys) -> None:
    before = server.path.read_bytes()
    assert server.render("--dry-run") == 1
    assert "+$Conf{RsyncSshArgs}" in capsys.readouterr().out
    assert (server.path.read_bytes(), server.kept) == (before, [])
    assert not server.config.stanzas.exists()


def test_a_daemon_that_can_not_be_told_is_no_success(server: Server, capsys) -> None:
    assert server.render() == 1
    assert "next start or reload" in capsys.readouterr().err


def test_a_file_that_is_a_program_is_left_alone_with_its_line(server: Server, capsys) -> None:
    lines = server.path.read_text().count("\n")
    server.append("$Conf{RsyncArgs} = [map { $_ } 'x'];\n")
    before = server.path.read_bytes()
    assert server.render() == 2
    said = capsys.readouterr().err
    assert f"{server.path}:{lines + 1}: " in said
    assert "type the lines that bpc-ssh-keys render shows" in said
    assert server.path.read_bytes() == before


def test_a_link_in_its_place_is_not_followed(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "target"
    os.rename(server.path, target)
    server.path.symlink_to(target)
    before = target.read_bytes()
    assert server.render() == 2
    assert target.read_bytes() == before


def test_a_host_that_says_otherwise_is_told(server: Server, capsys) -> None:
    own = server.conf / "web1.pl"
    own.write_text("$Conf{RsyncSshArgs} = ['-e', '$sshPath -l root'];\n")
    server.render()
    assert f"{own}: sets RsyncSshArgs for web1 instead" in capsys.readouterr().err


def test_a_host_that_would_be_backed_up_no_more_is_named_and_nothing_done(
    server: Server, capsys
) -> None:
    before = server.path.read_bytes()
    (server.conf / "hosts").write_text("host dhcp user\nweb1 0 a\nweb2 0 a\nold 0 a\nsmb1 0 a\n")
    for name in ("web2", "old", "smb1"):
        (server.conf / f"{name}.pl").write_text("$Conf{XferMethod} = 'rsync';\n")
    (server.conf / "smb1.pl").write_text("$Conf{XferMethod} = 'smb';\n")
    (server.conf / "old.pl").write_text(
        "$Conf{XferMethod} = 'rsync';\n$Conf{RsyncSshArgs} = ['-e', 'ssh -l root'];\n")
    assert server.render() == 2
    assert "bpc-ssh-keys: web2: BackupPC has them and" in capsys.readouterr().err
    assert server.path.read_bytes() == before
    (server.conf / "web2.pl").write_text("$Conf{XferMethod} = 'smb';\n")
    assert server.render("--dry-run") == 1


def test_programs_are_told_as_json(server: Server, capsys) -> None:
    server.render("--json")
    told = json.loads(capsys.readouterr().out)["applied"]
    assert told["file"] == str(server.path)
    assert told["kept"] == str(server.kept[0])
    assert told["diff"].startswith("--- ")


def test_its_path_means_nothing_without_applying(server: Server, capsys) -> None:
    words = ["keys", "render", "--config", server.config.path, "--backuppc-config", "/x/config.pl"]
    assert main(words) == 2
    assert "belongs to --apply" in capsys.readouterr().err
