"""What bpc-ssh-keys stands on is made once, whole and closed, and never made anew."""

from __future__ import annotations

import json
import os
import pwd
import stat
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.keys.config import load, parse
from bpc_ssh_guard.keys.store import Store
from bpc_ssh_guard.keys.template import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with folders that are not there yet."""
    path = tmp_path / "config"
    path.write_text(f'[paths]\netc = "{tmp_path}/etc"\nvar = "{tmp_path}/lib/var"\nreader = ""\n')
    return path


def run(config: Path, *words: str) -> int:
    return main(["keys", "init", "--config", str(config), "--account", ME, *words])


def modes(folder: Path) -> dict[str, str]:
    found = {}
    for here, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = os.path.join(here, name)
            found[os.path.relpath(path, folder)] = f"{stat.S_IMODE(os.lstat(path).st_mode):04o}"
    return found


def test_folders_and_store_have_the_modes_that_the_other_commands_want(
    config: Path, tmp_path: Path
) -> None:
    before = config.read_bytes()
    assert run(config) == 0
    assert modes(tmp_path / "etc") == {"ssh": "0750", "known_hosts.d": "0750"}
    assert modes(tmp_path / "lib/var") == {
        "keys": "0750", "rotation": "0700", "lock": "0700", "state.db": "0600",
    }
    assert stat.S_IMODE((tmp_path / "lib/var").stat().st_mode) == 0o750
    store = Store(load(str(config)).database)
    assert store.entries() == []
    store.close()
    assert config.read_bytes() == before


def test_a_second_run_changes_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config)
    before = modes(tmp_path)
    capsys.readouterr()
    assert run(config, "--json") == 0
    made = json.loads(capsys.readouterr().out)["made"]
    assert {each["change"] for each in made} == {"same"}
    assert run(config, "--dry-run") == 0
    assert modes(tmp_path) == before


def test_a_dry_run_tells_everything_and_makes_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--dry-run") == 1
    told = capsys.readouterr()
    for path in ("etc/ssh", "etc/known_hosts.d", "lib/var", "lib/var/keys", "lib/var/state.db"):
        assert f"{tmp_path}/{path}\n" in told.out
    assert "bpc-ssh-keys enroll HOST" in told.err
    assert os.listdir(tmp_path) == ["config"]


def test_a_folder_that_others_may_enter_is_closed(config: Path, tmp_path: Path) -> None:
    run(config)
    (tmp_path / "lib/var/rotation").chmod(0o755)
    assert run(config, "--dry-run") == 1
    assert run(config) == 0
    assert modes(tmp_path / "lib/var")["rotation"] == "0700"


def test_refuses_a_link_in_the_place_of_a_folder(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/ssh").symlink_to(tmp_path / "elsewhere")
    assert run(config) == 2
    assert "etc/ssh: is no folder" in capsys.readouterr().err
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755


def test_refuses_to_make_folders_where_others_may_write(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib").chmod(0o777)
    assert run(config) == 2
    assert "writable by others" in capsys.readouterr().err
    assert os.listdir(tmp_path / "lib") == []


@pytest.mark.parametrize("account", ["-x", "a b", "root;", ""])
def test_refuses_what_is_no_name_of_an_account(
    config: Path, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["keys", "init", "--config", str(config), f"--account={account}"]
    assert main(words) == 2
    assert "is no name of an account" in capsys.readouterr().err


def test_who_reads_the_keys_does_not_keep_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config"
    path.write_text(f'[paths]\nvar = "{tmp_path}/var"\netc = "{tmp_path}/etc"\n')
    assert main(["keys", "init", "--config", str(path), "--account", "backuppc"]) == 2
    assert "another account" in capsys.readouterr().err


def test_the_template_says_nothing_until_its_lines_are_uncommented() -> None:
    assert parse("template", TEMPLATE.encode()) == parse("template", b"")
    shown = "\n".join(line[1:] for line in TEMPLATE.splitlines() if line.startswith("#")
                      and line[1:2] not in ("", " "))
    config = parse("template", shown.encode())
    assert config.hosts["web1"].fingerprint
    assert config.hosts["web1"].source == ("192.0.2.7",)
