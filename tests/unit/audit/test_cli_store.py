"""bpc-ssh-audit over a store of several hosts: one that is empty or broken stops no other."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.audit.store import Store

from .written import Log

READERS = ("verify", "search", "keys", "export", "report")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with the logs of web1 and web2, and their K_0; web3 was never reached."""
    store = tmp_path / "store"
    for name in ("web1", "web2"):
        log = Log(tmp_path / name)
        log.append(3)
        shutil.copytree(os.fsdecode(log.log), store / name / "segments")
        Store(str(store)).keys.add(log.begun.chain.hex(), log.begun.key.hex())
        Store(str(store)).host(name).add_witness(log.witness("a visit"), "2026-11-23T02:00:00Z")
    (store / "web3" / "segments").mkdir(parents=True)
    return store


def audit(store: Path, command: str, *words: str) -> int:
    return main(["audit", command, "--store", str(store), *words])


def first_segment(store: Path, name: str) -> Path:
    [path] = (store / name / "segments").iterdir()
    return path


@pytest.mark.parametrize("command", READERS)
def test_a_host_that_was_never_collected_is_told_and_the_others_are_read(
    store: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(store, command) == exits.YES
    told = capsys.readouterr()
    assert told.out or command == "keys"  # no key is in these logs
    assert told.err == "bpc-ssh-audit: web3: nothing is collected of it yet\n"


@pytest.mark.parametrize("command", READERS)
def test_a_store_without_any_log_is_no_clean_one(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert audit(tmp_path / "empty", command) == exits.COULD_NOT_RUN
    assert "no log is collected there" in capsys.readouterr().err


def test_what_the_store_lost_of_a_host_is_found_by_its_witnesses(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first_segment(store, "web1").unlink()
    assert audit(store, "verify") == exits.NO
    told = capsys.readouterr().out
    assert "web1: 0 records" in told
    assert "a visit saw 4 records and the log has 0" in told


def test_it_is_told_how_far_a_log_was_witnessed(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(store, "verify", "web1") == exits.YES
    assert "  witnessed to record 3, by 1, the last of them a visit\n" in capsys.readouterr().out
    assert audit(store, "verify", "--json", "web1") == exits.YES
    told = json.loads(capsys.readouterr().out)
    assert told["witnessed"] == 4
    Store(str(store)).host("web1").put_aside(bytes.fromhex(told["chain"]))
    aside = store / "web1" / "before" / told["chain"]
    assert audit(store, "verify", str(aside)) == exits.YES
    assert "witnessed to record 3" in capsys.readouterr().out
    assert audit(store, "verify", str(shutil.copytree(aside, store.parent / "copy"))) == exits.YES
    assert "no witness" in capsys.readouterr().out


def test_another_machines_log_in_the_store_is_found_though_its_key_is_known(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(first_segment(store, "web2"), first_segment(store, "web1"))
    assert audit(store, "verify", "--json", "web1") == exits.NO
    told = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in told["findings"]] == ["another-chain"]
    assert (told["whole"], told["witnessed"]) == (0, 0)
    assert audit(store, "verify", "web2") == exits.YES


def test_a_machine_that_calls_itself_otherwise_is_not_called_silent(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The records have the machine's own name, and the store that of the inventory."""
    assert audit(store, "report", "--json") == exits.YES
    silent = [row["host"] for row in json.loads(capsys.readouterr().out)["silent"]]
    assert silent == ["web3"]


def break_first_record(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"bpc.chain.id", b"bpc.chain.it"))


def cut_archive(path: Path) -> None:
    with gzip.open(f"{path}.gz", "wb") as file:
        file.write(path.read_bytes())
    path.unlink()
    os.truncate(f"{path}.gz", os.path.getsize(f"{path}.gz") - 20)


def damage_archive(path: Path) -> None:
    cut_archive(path)
    data = bytearray(Path(f"{path}.gz").read_bytes())
    data[30:60] = bytes(byte ^ 0xFF for byte in data[30:60])
    Path(f"{path}.gz").write_bytes(data)


@pytest.mark.parametrize("damage", [break_first_record, cut_archive, damage_archive])
def test_a_log_that_cannot_be_proved_stops_no_other(
    store: Path, damage, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(first_segment(store, "web1"))
    assert audit(store, "verify") == exits.COULD_NOT_RUN
    told = capsys.readouterr()
    assert "bpc-ssh-audit: web1: " in told.err
    assert "web2: 4 records" in told.out
    assert audit(store, "report", "--json") == exits.NO
    states = {each["log"]: each["state"] for each in json.loads(capsys.readouterr().out)["proofs"]}
    assert states == {"web1": "unread", "web2": "whole"}


@pytest.mark.parametrize("command", ["search", "keys", "export"])
def test_a_damaged_archive_is_told_with_its_name(
    store: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_archive(first_segment(store, "web1"))
    assert audit(store, command) == exits.COULD_NOT_RUN
    assert "jsonl.gz: damaged" in capsys.readouterr().err


def test_a_folder_that_is_called_as_a_host_is_not_taken_for_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(store)
    assert audit(store, "verify") == exits.YES
    assert audit(store, "verify", "web1") == exits.YES
    assert "whole" in capsys.readouterr().out
    assert audit(store, "verify", "./web1/segments") == exits.YES


def test_lines_that_no_guard_writes_are_left_out_counted_and_in_no_export(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of UTF-8, a lone surrogate, NaN: each of them would make an export unreadable."""
    path = first_segment(store, "web1")
    line = path.read_bytes().splitlines(keepends=True)[-1]
    forged = [line.replace(b'"text":"x"', text) for text in (
        '"text":"\u202e"'.encode(), b'"text":"\\udcff"', b'"text":"\\uDCFF"', b'"text":NaN',
        b'"text":"\\ud83d\\ude00"',
    )]
    path.write_bytes(path.read_bytes() + b"".join(forged))
    for form in ("jsonl", "csv", "ocsf"):
        assert audit(store, "export", "--format", form, "web1") == exits.YES
        told = capsys.readouterr()
        assert "web1: 4 lines are no records" in told.err
        assert told.out.isascii()
        assert "udcff" not in told.out.lower()
        assert "NaN" not in told.out
    assert audit(store, "keys", "web1") == exits.YES
    assert "web1: 4 lines are no records" in capsys.readouterr().err


def test_a_transfer_log_of_another_chain_is_a_finding_and_one_without_a_line_is_told(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "XferLOG"
    other.write_text(f"bpc-ssh-guard: checkpoint 1 {'ab' * 16} 4 {'cd' * 32}\n")
    assert audit(store, "verify", "--xferlog", str(other), "web1") == exits.NO
    assert f"saw the chain {'ab' * 16}" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"full backup started\n")))
    assert audit(store, "verify", "--xferlog", "-", "web1") == exits.YES
    assert "no witness" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    ("search", "--since", "yesterday"), ("search", "--until", "2026-13"), ("keys", "--since", "1"),
    ("export", "--since", "2026-11-23 02"), ("search", "--action", "command-deny"),
    ("tail", "-n", "-3", "web1"), ("tail", "-n", "x", "web1"),
])
def test_what_would_find_nothing_by_a_slip_is_refused(
    store: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        audit(store, *words)
    assert caught.value.code == exits.COULD_NOT_RUN
    assert f"argument {words[1]}" in capsys.readouterr().err.replace("-n/--lines", "-n")


def test_a_dry_run_of_collect_tells_where_it_would_begin_and_asks_nobody(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = tmp_path / "hosts.toml"
    inventory.write_text('[defaults]\nkey = "/k"\nknown_hosts = "/h"\n[hosts.web1]\nport = 2222\n'
                         '[hosts.new]\naddress = "192.0.2.20"\nuser = "backup"\n')
    with first_segment(store, "web1").open("ab") as file:
        file.write(b'{"event.sequence":4,')  # as a run that is at work leaves it
    before = first_segment(store, "web1").read_bytes()
    words = ("--inventory", str(inventory), "--dry-run")
    assert audit(store, "collect", *words) == exits.YES
    assert capsys.readouterr().out == (
        "web1: would ask root@web1, port 2222, for records from 4 on\n"
        "new: would ask backup@192.0.2.20, port 22, for records from 0 on\n"
    )
    assert audit(store, "collect", *words, "--json", "new") == exits.YES
    assert json.loads(capsys.readouterr().out)["from"] == 0
    assert first_segment(store, "web1").read_bytes() == before
    assert not (store / "new").exists()


@pytest.mark.parametrize("time", ["2026", "2026-11", "2026-11-23", "2026-11-23T02",
                                  "2026-11-23T02:00", "2026-11-23T02:00:00"])
def test_a_time_may_end_at_any_of_its_parts(store: Path, time: str) -> None:
    assert audit(store, "search", "--since", time, "--until", time, "web1") == exits.YES
