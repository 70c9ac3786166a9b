"""fix and secrets as an admin calls them: dry by default, told where, and the exit status."""

from __future__ import annotations

import json
import re
import stat

import pytest

from bpc_ssh_guard.__main__ import main
from tests.posture_tree import CONF, CONFIG


def run(tree, *words):
    return main(["posture", *words, "--root", str(tree.root)])


def mode(tree, name):
    return stat.S_IMODE(tree.path(name).stat().st_mode)


def test_fix_changes_nothing_unless_told_to(stock, capsys):
    assert run(stock, "fix", "SEC-02") == 1
    captured = capsys.readouterr()
    assert f"planned  SEC-02  chmod 0750 {CONF} (was 0755)" in captured.out
    assert "--apply" in captured.err
    assert mode(stock, CONF) == 0o755
    assert not stock.path("/var/lib/bpc-ssh-posture").exists()


def test_fix_applies_names_its_journal_and_takes_it_back(stock, capsys):
    assert run(stock, "fix", "SEC-02", "--apply") == 0
    captured = capsys.readouterr()
    assert mode(stock, CONF) == 0o750
    journal = re.search(r"--undo (\S+)", captured.err)[1]
    assert run(stock, "fix", "SEC-02") == 0
    assert run(stock, "fix", "--undo", journal) == 0
    assert mode(stock, CONF) == 0o755
    assert run(stock, "fix", "--undo", journal) == 0  # once more changes nothing


def test_fix_tells_the_same_as_json(stock, capsys):
    assert run(stock, "fix", "SEC-02", "--apply", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["applied"] is True
    assert {step["state"] for step in told["steps"]} == {"done"}
    assert told["steps"][-1]["findings"] == [{"id": "SEC-02", "subject": CONF}]
    assert run(stock, "fix", "--undo", told["journal"], "--json") == 0
    assert {step["state"] for step in json.loads(capsys.readouterr().out)["steps"]} == {"undone"}


def test_undo_tells_what_it_left_alone(stock, capsys):
    run(stock, "fix", "SEC-02", "--apply", "--json")
    journal = json.loads(capsys.readouterr().out)["journal"]
    stock.chmod(CONFIG, 0o400)
    assert run(stock, "fix", "--undo", journal) == 1
    assert f"left alone: {CONFIG}: has mode 0400 by now" in capsys.readouterr().out
    assert mode(stock, CONF) == 0o755


@pytest.mark.parametrize("words", [
    ("fix", "SEC-99"), ("fix", "--undo", "/nonexistent"), ("fix", "SEC-01", "--undo", "/tmp"),
    ("secrets", "list", "--apply"), ("secrets", "migrate", "--undo", "/nonexistent"),
])  # fmt: skip
def test_what_can_not_be_asked_is_status_2_and_says_why(stock, words, capsys):
    assert run(stock, *words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("bpc-ssh-posture: ")
    assert captured.out == ""


def test_secrets_lists_places_and_never_values(stock, capsys):
    assert run(stock, "secrets", "list") == 0
    stock.configure("$Conf{SmbSharePasswd} = 'sesame-open';", "$Conf{FtpPasswd} = 'ali-baba';")
    assert run(stock, "secrets", "list") == 1
    captured = capsys.readouterr()
    line = len(stock.read(CONFIG).splitlines()) - 1
    assert f"{CONFIG}:{line}: SmbSharePasswd (short): can move\n" in captured.out
    assert f"{CONFIG}:{line + 1}: FtpPasswd (short): stays: BackupPC takes it" in captured.out
    assert "sesame" not in captured.out + captured.err
    assert "ali-baba" not in captured.out + captured.err


def test_secrets_migrate_is_dry_then_moves_then_moves_back(stock, capsys):
    stock.configure("$Conf{SmbSharePasswd} = 'sesame-open';")
    before = stock.read(CONFIG)
    assert run(stock, "secrets", "migrate") == 1
    assert stock.read(CONFIG) == before
    assert run(stock, "secrets", "migrate", "--apply", "--json") == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out.splitlines()[-1])
    assert "systemctl daemon-reload" in captured.err
    assert "sesame" not in captured.out + captured.err + stock.read(CONFIG)
    assert run(stock, "secrets", "list") == 0
    assert run(stock, "secrets", "migrate", "--undo", told["journal"]) == 0
    assert stock.read(CONFIG) == before


def test_secrets_migrate_says_what_stays_and_why(stock, capsys):
    stock.configure("$Conf{SmbSharePasswd} = 'sesame-open';")
    stock.add_host("pc1", "$Conf{SmbSharePasswd} = 'another';")
    assert run(stock, "secrets", "migrate", "--apply") == 2
    captured = capsys.readouterr()
    assert "nothing can move: hosts have different passwords" in captured.err
    assert captured.out.count("stays: hosts have different passwords") == 2


def test_shows_a_hostile_name_escaped(stock, capsys):
    name = f"{CONF}/\x1b[2Jevil.pl.old"
    stock.write(name, "$Conf{FtpPasswd} = 'ali-baba';\n", 0o644, ("backuppc", "www-data"))
    assert run(stock, "fix", "SEC-03") == 1
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [
    ("fix",), ("fix", "--apply"), ("secrets", "list"), ("secrets", "migrate"),
    ("secrets", "migrate", "--apply"),
])  # fmt: skip
def test_a_configuration_that_is_a_program_is_told_and_never_edited(stock, words, capsys):
    stock.configure("$Conf{SmbSharePasswd} = 'sesame' . lc('OPEN');")
    before = stock.read(CONFIG)
    assert run(stock, *words) in (1, 2)
    captured = capsys.readouterr()
    assert stock.read(CONFIG) == before
    assert f"{CONFIG}:" in captured.out + captured.err
    assert "sesame" not in captured.out + captured.err
