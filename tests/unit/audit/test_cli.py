"""bpc-ssh-audit on real logs: what it prints, its exit statuses, and that nothing hostile acts."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.record.sink import Sink
from tests.unit.record import scenes

from .written import Log

if TYPE_CHECKING:
    from pathlib import Path

# Appends to the log and state that it is given, in a new segment.
ROTATING = """
import sys
from bpc_ssh_guard.record import segment
from bpc_ssh_guard.record.sink import Sink
segment.SIZE_LIMIT = 1
Sink.open(*(word.encode() for word in sys.argv[1:])).append(b'{"a":1}\\n')
"""
HOSTILE = b"rsync \x1b[2J\n\xe2\x80\xae</script>=1+1 \xff\xed\xb3\xbf"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Return a log of logins, a hostile one among them."""
    log = Log(tmp_path / "client")
    sink = Sink.open(log.log, log.state)
    for line in scenes.every_line(scenes.session()):
        sink.append(line)
    sink.append(scenes.denied(scenes.session(b"198.51.100.9 5 192.0.2.1 22"), command=HOSTILE))
    sink.close()
    return log


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def audit(*words: str) -> int:
    return main(["audit", *words])


def add_key(log: Log, store: str, monkeypatch: pytest.MonkeyPatch, key: str = "") -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO((key or log.begun.key.hex()) + "\n"))
    return audit("key", "--store", store, log.begun.chain.hex())


def test_a_whole_log_without_its_key_is_not_proved(
    log: Log, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = os.fsdecode(log.log)
    assert audit("verify", "--store", store, folder) == exits.COULD_NOT_RUN
    assert audit("verify", "--store", store, "--chain-only", folder) == exits.YES
    assert "without K_0" in capsys.readouterr().out


def test_a_whole_log_with_its_key_is_clean(
    log: Log, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add_key(log, store, monkeypatch) == exits.YES
    assert audit("verify", "--store", store, "--json", os.fsdecode(log.log)) == exits.YES
    told = json.loads(capsys.readouterr().out)
    assert (told["clean"], told["mac"], told["records"]) == (True, True, 8)
    assert log.begun.key.hex() not in json.dumps(told)


def test_an_edited_log_is_a_finding_with_its_place(
    log: Log, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = log.lines()
    lines[5] = lines[5].replace(b"not-words", b"too-long!")
    log.put_lines(lines)
    assert audit("verify", "--store", store, os.fsdecode(log.log)) == exits.NO
    out = capsys.readouterr().out
    assert "records before 5 can be trusted" in out
    assert f"[{os.path.basename(log.path())}:{sum(map(len, lines[:5]))}]" in out


def test_a_transfer_log_that_saw_more_is_a_finding(
    log: Log, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "XferLOG"
    line = f"bpc-ssh-guard: checkpoint 1 {log.begun.chain.hex()} 20 {'0' * 64}\n"
    path.write_text(f"full backup started\n{line}  new    file\n")
    words = ["verify", "--store", store, "--chain-only", os.fsdecode(log.log)]
    assert audit(*words, "--xferlog", str(path)) == exits.NO
    assert "saw 20 records and the log has 8" in capsys.readouterr().out
    path.write_text(f"full backup started\n  new    file\n{line}")
    assert audit(*words, "--xferlog", str(path)) == exits.YES  # a name chosen by a stranger


def test_warnings_are_findings_where_that_is_asked_for(log: Log, store: str) -> None:
    with open(log.path(), "ab") as file:
        file.write(b'{"event.sequence":8,')
    words = ["verify", "--store", store, "--chain-only", os.fsdecode(log.log)]
    assert audit(*words) == exits.YES
    assert audit(*words, "--strict") == exits.NO


def test_a_key_of_another_form_or_another_key_of_the_chain_is_refused(
    log: Log, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add_key(log, store, monkeypatch, "12") == exits.COULD_NOT_RUN
    assert add_key(log, store, monkeypatch) == exits.YES
    assert add_key(log, store, monkeypatch, "1" * 64) == exits.COULD_NOT_RUN
    assert "holds another key" in capsys.readouterr().err
    keys = os.path.join(store, "keys")
    assert os.stat(keys).st_mode & 0o777 == 0o700
    assert [os.stat(os.path.join(keys, name)).st_mode & 0o777 for name in os.listdir(keys)] == [
        0o600
    ]


def test_a_key_that_others_may_read_is_not_used(
    log: Log, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_key(log, store, monkeypatch)
    os.chmod(os.path.join(store, "keys", log.begun.chain.hex()), 0o644)
    assert audit("verify", "--store", store, os.fsdecode(log.log)) == exits.COULD_NOT_RUN
    assert "others may read it" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "count"), [
    ((), 8), (("--action", "command-denied"), 2), (("--from", "198.51.100.9"), 1),
    (("--key", "web1-backup"), 7), (("--code", "not-words"), 2), (("--path", "/etc"), 2),
    (("--since", "2100"), 0), (("--until", "1999"), 0), (("--key", "nobody"), 0),
])
def test_search_shows_what_was_asked_for(
    log: Log, store: str, words: tuple[str, ...], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    status = audit("search", "--store", store, *words, os.fsdecode(log.log))
    assert len(capsys.readouterr().out.splitlines()) == count
    assert status == (exits.YES if count else exits.NO)


def test_tail_shows_what_is_appended_over_the_end_of_a_segment(log: Log, store: str) -> None:
    # In the foreground timeout hands a signal on once; else to the follower's whole group, too.
    words = ["timeout", "--foreground", "60", sys.executable, "-m", "bpc_ssh_guard", "audit",
             "tail", "-f", "--json", "-n", "1", "--store", store, os.fsdecode(log.log)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          cwd=scenes.CHECKOUT) as follower:
        try:
            assert follower.stdout is not None
            assert json.loads(follower.stdout.readline())["event.sequence"] == 7
            log.append(2)
            assert json.loads(follower.stdout.readline())["event.sequence"] == 8
            assert json.loads(follower.stdout.readline())["event.sequence"] == 9
            subprocess.run([sys.executable, "-c", ROTATING, os.fsdecode(log.log),
                            os.fsdecode(log.state)], cwd=scenes.CHECKOUT, check=True)
            assert json.loads(follower.stdout.readline())["event.action"] == "log-rotated"
            assert json.loads(follower.stdout.readline())["event.sequence"] == 11
            follower.send_signal(signal.SIGINT)  # timeout hands it on
            assert follower.wait() == exits.YES
            assert follower.stderr is not None
            assert follower.stderr.read() == b""
        finally:
            follower.terminate()  # killed, it would leave its child behind


def test_keys_tells_of_new_addresses_and_of_keys_never_used(
    log: Log, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy"
    policy.write_text("Key web1-backup\nBackup /etc\nKey idle\nBackup /srv\n")
    policy.chmod(0o600)
    words = ["keys", "--store", store, os.fsdecode(log.log)]
    assert audit(*words) == exits.YES
    assert audit(*words, "--policy", str(policy)) == exits.NO
    assert "idle  never used" in capsys.readouterr().out
    assert audit(*words, "--since", "2000") == exits.NO
    assert "192.0.2.77 (NEW)" in capsys.readouterr().out


def test_what_is_no_log_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("search", "--store", str(tmp_path), str(tmp_path)) == exits.COULD_NOT_RUN
    assert "there is no log" in capsys.readouterr().err
    assert audit("verify", "--store", str(tmp_path), "../x") == exits.COULD_NOT_RUN
    assert "is no host name" in capsys.readouterr().err


def test_report_says_what_happened_and_proves_it_first(log: Log, store: str, capsys) -> None:
    assert audit("report", "--store", store, os.fsdecode(log.log)) == exits.YES
    out = capsys.readouterr().out
    assert out.startswith("0 of 1 logs are proved whole.\n")
    assert "whole-by-chain" in out
    assert "Refusals" in out
    assert "\x1b" not in out


def test_report_of_a_damaged_log_is_a_finding_and_is_written_all_the_same(
    log: Log, store: str, tmp_path: Path, capsys
) -> None:
    with open(log.path(), "r+b") as file:
        data = file.read().replace(b"web1-backup", b"web2-backup", 1)
        file.seek(0)
        file.write(data)
    page = tmp_path / "page.html"
    told = audit("report", "--store", store, "--html", str(page), os.fsdecode(log.log))
    assert told == exits.NO
    assert "DAMAGED" in page.read_text()
    assert sorted(os.listdir(tmp_path)) == ["client", "page.html"]


def test_a_report_that_was_not_verified_says_so_and_one_without_a_folder_names_it(
    log: Log, store: str, tmp_path: Path, capsys
) -> None:
    words = ("report", "--no-verify", "--store", store, os.fsdecode(log.log))
    assert audit(*words) == exits.YES
    assert capsys.readouterr().out.startswith("Not verified: ")
    page = tmp_path / "nowhere" / "page.html"
    assert audit(*words, "--html", str(page)) == exits.COULD_NOT_RUN
    assert capsys.readouterr().err == f"bpc-ssh-audit: {page}: No such file or directory\n"


def test_report_as_json_holds_what_the_page_shows(log: Log, store: str, capsys) -> None:
    audit("report", "--store", store, "--json", "--no-verify", os.fsdecode(log.log))
    told = json.loads(capsys.readouterr().out)
    assert {row["label"] for row in told["keys"]} >= {"web1-backup"}
    assert told["proofs"] == []


def _this_year() -> str:
    return time.strftime("%Y", time.gmtime())


def test_diff_of_a_period_with_itself_finds_nothing(log: Log, store: str, capsys) -> None:
    year = _this_year()
    assert audit("diff", "--store", store, year, year, os.fsdecode(log.log)) == exits.YES
    assert capsys.readouterr().out == ""


def test_diff_tells_what_is_new(log: Log, store: str, capsys) -> None:
    told = audit("diff", "--store", store, "--json", "2020", _this_year(),
                os.fsdecode(log.log))
    assert told == exits.NO
    found = json.loads(capsys.readouterr().out)["differences"]
    assert ("new", "key") in {(each["kind"], each["what"]) for each in found}


def test_parquet_is_written_month_by_month_and_again_only_when_there_is_more(
    log: Log, store: str, tmp_path: Path, capsys
) -> None:
    way = ("export", "--store", store, "--format", "parquet", "--to", str(tmp_path / "months"),
           os.fsdecode(log.log))
    assert audit(*way) == exits.YES
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(each["records"] for each in written) == log.block.sequence
    assert audit(*way) == exits.YES
    assert capsys.readouterr().out == ""
    log.append()
    audit(*way)
    assert capsys.readouterr().out != ""
    paths = [each["file"] for each in written]
    assert audit("report", "--store", store, "--no-verify", *paths) == exits.YES


def test_a_dry_run_of_parquet_names_the_files_and_writes_none(
    log: Log, store: str, tmp_path: Path, capsys
) -> None:
    way = ("export", "--store", store, "--format", "parquet", "--to", str(tmp_path / "months"),
           os.fsdecode(log.log))
    assert audit(*way, "--dry-run") == exits.YES
    would = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    assert not (tmp_path / "months").exists()
    assert audit(*way) == exits.YES
    assert [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()] == would
    assert audit("export", "--store", store, "--dry-run", way[-1]) == exits.COULD_NOT_RUN


@pytest.mark.parametrize("options", [["--format", "parquet"], ["--to", "x"],
                                     ["--format", "parquet", "--to", "x", "--code", "y"]])
def test_parquet_needs_a_folder_and_takes_whole_months(
    options: list[str], log: Log, store: str, capsys
) -> None:
    assert audit("export", "--store", store, *options, os.fsdecode(log.log)) == exits.COULD_NOT_RUN
    assert "parquet" in capsys.readouterr().err


def test_a_period_that_is_none_is_refused(store: str, capsys) -> None:
    with pytest.raises(SystemExit):
        audit("report", "--store", store, "--period", "yesterday")
    assert "2026-11-01..2026-11-15" in capsys.readouterr().err
