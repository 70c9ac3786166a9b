"""`probe` asks one thing, and says so where nobody answers."""

from __future__ import annotations

import json

import pytest

from bpc_ssh_guard.cli.posture import main


@pytest.mark.parametrize("what", ["socket", "key"])
def test_asks_only_what_was_named(stock, what, capsys):
    assert main(["probe", what, "--root", str(stock.root), "--json"]) == 0
    sections = {each["section"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert sections == {"server-socket" if what == "socket" else "ssh-keys"}


def test_says_that_no_server_answers(stock, capsys):
    assert main(["probe", "socket", "--root", str(stock.root)]) == 0
    assert "no BackupPC server answers" in capsys.readouterr().out


def test_an_open_port_is_a_finding(stock, capsys):
    stock.configure("$Conf{ServerPort} = 2359;")
    assert main(["probe", "socket", "--root", str(stock.root)]) == 1
    assert "SRV-01" in capsys.readouterr().out
