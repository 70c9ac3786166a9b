"""What BackupPC's ssh reads names one key and one host, and is whole whenever it is read."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.keys import files
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.render import EDITABLE, render, settings, stanza
from bpc_ssh_guard.keys.trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from bpc_ssh_guard.keys.config import Config

BACKUPPC = "/usr/share/backuppc/conf/config.pl"


def configured(folder: Path, hosts: str = "[host.web1]\nport = 2222\nuser = \"bpc\"\n") -> Config:
    path = folder / "config"
    path.write_text(f'[paths]\netc = "{folder}/etc"\nvar = "{folder}/var"\nreader = ""\n{hosts}')
    return load(str(path))


def effective(file: Path, *destination: str) -> dict[str, str]:
    """What ssh itself makes of FILE, with every default and the system's files left out."""
    done = subprocess.run(["ssh", "-G", "-F", str(file), *destination], capture_output=True,
                          text=True, check=True, timeout=60)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.mark.parametrize("destination", [["web1"], ["192.0.2.9"], ["-l", "root", "some.alias"]])
def test_ssh_reads_the_same_of_it_by_whatever_name_it_is_called(
    tmp_path: Path, destination: list[str]
) -> None:
    config = configured(tmp_path)
    render(config)
    seen = effective(config.stanzas / "web1.backup.conf", *destination)
    assert seen["identityfile"] == str(tmp_path / "var/keys/web1/web1-backup/current")
    assert seen["userknownhostsfile"] == str(tmp_path / "etc/known_hosts.d/web1")
    assert (seen["hostkeyalias"], seen["port"]) == ("web1", "2222")
    assert seen["user"] == ("root" if "-l" in destination else "bpc")


def test_ssh_offers_one_key_forwards_nothing_and_asks_nobody(tmp_path: Path) -> None:
    config = configured(tmp_path)
    render(config)
    seen = effective(config.stanzas / "web1.restore.conf", "web1")
    assert {name: seen.get(name) for name in (
        "identitiesonly", "identityagent", "stricthostkeychecking", "batchmode", "forwardagent",
        "forwardx11", "clearallforwardings", "preferredauthentications", "updatehostkeys",
        "permitlocalcommand", "globalknownhostsfile", "proxycommand", "controlpath",
    )} == {
        "identitiesonly": "yes", "identityagent": "none", "stricthostkeychecking": "true",
        "batchmode": "yes", "forwardagent": "no", "forwardx11": "no",
        "clearallforwardings": "yes", "preferredauthentications": "publickey",
        "updatehostkeys": "false", "permitlocalcommand": "no", "globalknownhostsfile": "none",
        "proxycommand": None, "controlpath": None,
    }


def test_a_client_of_certificates_shows_the_one_beside_its_key(tmp_path: Path) -> None:
    config = configured(tmp_path, '[host.web1]\nchannel = "certificate"\nfrom = []\n[host.web2]\n')
    render(config)
    shown = [effective(config.stanzas / f"{name}.backup.conf", name).get("certificatefile")
             for name in ("web1", "web2")]
    assert shown == [str(tmp_path / "var/keys/web1/web1-backup/current-cert.pub"), "none"]


def test_files_are_for_their_group_alone(tmp_path: Path) -> None:
    config = configured(tmp_path)
    render(config)
    assert stat.S_IMODE(os.stat(config.stanzas / "web1.backup.conf").st_mode) == 0o640
    assert stat.S_IMODE(os.stat(config.stanzas).st_mode) & 0o027 == 0


def test_a_second_run_changes_nothing_and_a_changed_file_is_put_right(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert {each.change for each in render(config)} == {"new"}
    assert {each.change for each in render(config)} == {"same"}
    (config.stanzas / "web1.backup.conf").write_text("Host *\n  ProxyCommand x\n")
    assert [each.change for each in render(config)] == ["changed", "same"]
    assert "ProxyCommand none" in (config.stanzas / "web1.backup.conf").read_text()


def test_a_client_that_is_gone_loses_its_files_and_nobody_else(tmp_path: Path) -> None:
    render(configured(tmp_path, "[host.web1]\n[host.web2]\n"))
    own = tmp_path / "etc/ssh/mine.conf"
    own.write_text("Host *\n")
    done = render(configured(tmp_path))
    assert sorted(os.listdir(tmp_path / "etc/ssh")) == [
        "mine.conf", "web1.backup.conf", "web1.restore.conf"]
    assert [each.path.name for each in done if each.change == "gone"] == [
        "web2.backup.conf", "web2.restore.conf"]


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert {each.change for each in render(config, dry_run=True)} == {"new"}
    assert not config.stanzas.exists()


def test_a_link_in_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config.stanzas.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.symlink(victim, config.stanzas / "web1.backup.conf.new")
    render(config)
    assert victim.read_text() == "mine"
    assert not (config.stanzas / "web1.backup.conf").is_symlink()


@pytest.mark.parametrize("folder", ["with space", "per%cent", "quo\"te", "hash#"])
def test_a_folder_that_ssh_would_read_otherwise_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    with pytest.raises(Trouble, match="choose folders"):
        render(configured_below(tmp_path / folder))


def configured_below(folder: Path) -> Config:
    path = folder / "config"
    quoted = str(folder).replace('"', '\\"')
    path.write_text(f'[paths]\netc = "{quoted}/etc"\nvar = "{quoted}/var"\n[host.web1]\n')
    return load(str(path))


def test_a_name_that_backuppc_would_write_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="small letters"):
        render(configured(tmp_path, '[host.Web1]\nlabels = { backup = "b" }\n'
                                    'rotation_label = "r"\n'))


def test_a_missing_group_is_named(tmp_path: Path) -> None:
    config = configured(tmp_path)
    text = (tmp_path / "config").read_text().replace('reader = ""', 'reader = "no-such-group"')
    (tmp_path / "config").write_text(text)
    with pytest.raises(Trouble, match="no-such-group"):
        render(load(config.path))


def test_settings_are_ones_that_backuppc_has(tmp_path: Path) -> None:
    with open(BACKUPPC, encoding="utf-8") as file:
        stock = file.read()
    for line in settings(configured(tmp_path)):
        name = re.match(r"\$Conf\{(\w+)\}", line)
        assert name is not None
        assert f"$Conf{{{name[1]}}} " in stock, line
    assert all(re.search(rf"^\s+{name}\s+=>", stock, re.MULTILINE) for name in EDITABLE)


def test_settings_are_perl_and_give_rsync_two_entries(tmp_path: Path) -> None:
    lines = "\n".join(settings(configured(tmp_path)))
    done = subprocess.run(
        ["perl", "-e", (f'our %Conf; {lines}\nprint scalar @{{$Conf{{RsyncSshArgs}}}}, "|",'
                       ' join("|", @{$Conf{RsyncRestoreArgsExtra}})')],
        capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == (
        f"2|-e|$sshPath -F {tmp_path}/etc/ssh/$client.restore.conf")


def test_a_stanza_never_mentions_another_host(tmp_path: Path) -> None:
    config = configured(tmp_path, "[host.web1]\n[host.web2]\n")
    assert "web2" not in stanza(config, config.hosts["web1"], "backup")


def test_the_command_writes_and_shows(tmp_path: Path, capsys) -> None:
    config = configured(tmp_path)
    assert main(["keys", "render", "--config", config.path, "--dry-run"]) == 1
    assert main(["keys", "render", "--config", config.path]) == 0
    assert "$Conf{RsyncSshArgs}" in capsys.readouterr().out
    assert main(["keys", "render", "--config", config.path, "--dry-run"]) == 0


def test_a_file_with_another_mode_or_group_is_put_right(tmp_path: Path) -> None:
    config = configured(tmp_path)
    render(config)
    (config.stanzas / "web1.backup.conf").chmod(0o600)
    assert [each.change for each in render(config)] == ["changed", "same"]
    assert stat.S_IMODE(os.stat(config.stanzas / "web1.backup.conf").st_mode) == 0o640


def test_a_folder_whose_group_could_not_be_set_is_not_left_behind(
    tmp_path: Path, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "chown", refuse)
    with pytest.raises(PermissionError):
        files.make_folder(tmp_path / "ssh", group=12345)
    assert not (tmp_path / "ssh").exists()

