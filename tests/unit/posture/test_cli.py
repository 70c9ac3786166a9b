"""The program as an admin calls it: what is asked, what is told where, and the exit status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.posture.checks import CHECKS
from tests.posture_tree import CONF, ServerTree

if TYPE_CHECKING:
    from pathlib import Path

LOW = "SSH-08"  # a stock server's account can log in
WAIVER = (f'[[waiver]]\nid = "{LOW}"\nsubject = "backuppc"\nreason = "su is used"\n'
          "expires = 2999-12-31\n")


def audit(tree: ServerTree, *words: str) -> int:
    return main(["posture", "audit", "--root", str(tree.root), *words])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_finding_is_status_1(stock: ServerTree, capsys) -> None:
    assert audit(stock, "--only", LOW) == 1
    assert f"low       {LOW} " in capsys.readouterr().out


def test_no_finding_is_status_0(hardened: ServerTree) -> None:
    assert audit(hardened, "--only", LOW) == 0


@pytest.mark.parametrize(("bar", "status"), [("low", 1), ("medium", 0), ("none", 0)])
def test_the_bar_is_the_admins(stock: ServerTree, bar: str, status: int) -> None:
    assert audit(stock, "--only", LOW, "--fail-on", bar) == status


def test_what_is_unknown_counts_when_strict(stock: ServerTree) -> None:
    assert audit(stock, "--only", "SSH-04") == 0
    assert audit(stock, "--only", "SSH-04", "--strict") == 1


def test_a_section_or_single_checks_can_be_asked_or_left_out(stock: ServerTree, capsys) -> None:
    audit(stock, "--section", "pool", "--json")
    assert {each["section"] for each in told(capsys)["findings"]} == {"pool"}
    audit(stock, "--section", "pool", "--skip", "POL-01", "--json")
    assert {each["id"] for each in told(capsys)["findings"]} == {"POL-02"}


@pytest.mark.parametrize("words", [
    ("--only", "SEC-99"), ("--only", LOW, "--skip", LOW), ("--baseline", "/nonexistent"),
    ("--waivers", "/nonexistent"), ("--root", "/nonexistent"),
])
def test_what_can_not_be_asked_is_status_2_and_says_why(
    stock: ServerTree, words: tuple[str, ...], capsys
) -> None:
    assert audit(stock, *words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("bpc-ssh-posture: ")
    assert captured.out == ""


def test_a_machine_without_backuppc_is_status_2(tmp_path: Path, capsys) -> None:
    assert main(["posture", "audit", "--root", str(tmp_path)]) == 2
    assert "no BackupPC below" in capsys.readouterr().err


def test_a_waiver_lets_a_finding_pass_and_is_told(
    stock: ServerTree, tmp_path: Path, capsys
) -> None:
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER)
    waivers.chmod(0o644)
    assert audit(stock, "--only", LOW, "--waivers", str(waivers)) == 0
    assert "waived: su is used" in capsys.readouterr().out


def test_a_waiver_of_a_check_that_was_not_asked_is_not_idle(
    stock: ServerTree, tmp_path: Path
) -> None:
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER)
    waivers.chmod(0o644)
    words = ("--only", "SSH-05", "--strict", "--waivers", str(waivers))
    assert audit(stock, *words) == 0


def test_what_was_saved_is_the_baseline_of_the_next(
    stock: ServerTree, tmp_path: Path, capsys
) -> None:
    saved = str(tmp_path / "saved.json")
    assert audit(stock, "--section", "passwords", "--section", "ssh-keys", "--save", saved) == 1
    words = ("--section", "passwords", "--section", "ssh-keys", "--baseline", saved)
    assert audit(stock, *words) == 0
    stock.write(f"{CONF}/web1.pl", "$Conf{SmbSharePasswd} = 'a-planted-password';\n", 0o644)
    assert audit(stock, *words) == 1
    told = capsys.readouterr().out
    assert "[new]" in told
    assert "a-planted-password" not in told


def test_page_and_json_are_written_whole(stock: ServerTree, tmp_path: Path) -> None:
    page, saved = tmp_path / "page.html", tmp_path / "saved.json"
    audit(stock, "--html", str(page), "--save", str(saved))
    assert page.read_text().rstrip().endswith("</html>")
    assert json.loads(saved.read_text())["completeness"]["total"] == len(CHECKS)
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == [
        "page.html", "saved.json"]


def test_sarif_is_told(stock: ServerTree, capsys) -> None:
    assert audit(stock, "--sarif") == 1
    assert told(capsys)["version"] == "2.1.0"


def test_explain_lists_every_check_and_tells_one(capsys) -> None:
    assert main(["posture", "explain"]) == 0
    listed = capsys.readouterr().out
    assert [check.id for check in CHECKS if check.id not in listed] == []
    assert main(["posture", "explain", LOW]) == 0
    assert "why: " in capsys.readouterr().out
    assert main(["posture", "explain", "--json", LOW]) == 0
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [LOW]
    assert main(["posture", "explain", "SEC-99"]) == 2
