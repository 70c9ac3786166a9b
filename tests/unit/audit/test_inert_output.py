"""Whatever strangers and root write into a log: in no output of bpc-ssh-audit does it act."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.record.sink import Sink
from tests.unit.record import scenes

from .written import Log

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = b"rsync \x1b[2J\n\xe2\x80\xae</script>=1+1 \xff\xed\xb3\xbf"
OUTPUTS = (
    ("search",), ("tail",), ("keys",), ("verify", "--chain-only"), ("report", "--no-verify"),
    ("diff", "2020", "2020..2100"), ("replay", "--policy", "policy"),
)


def hostile_log(folder: Path) -> Log:
    """Return a log in which every text that a stranger or root chose is hostile."""
    log = Log(folder)
    sink = Sink.open(log.log, log.state)
    session = scenes.session(b"198.51.100.9 5 192.0.2.1 22")
    sink.append(scenes.denied(session, command=HOSTILE))
    sink.append(scenes.denied(session, command=b"[red]=" + HOSTILE * 200))
    shown = json.dumps(HOSTILE.decode("utf-8", "backslashreplace"))[1:-1].encode("ascii")
    for line in (*scenes.every_line(session), *scenes.grant_lines()):
        for name in (b"bpc.key.label", b"host.name", b"event.reason", b"source.ip", b"user.name"):
            begin = line.find(b'"%b":"' % name)
            if begin >= 0:
                end = line.index(b'"', begin + len(name) + 4)
                line = line[:end] + shown + line[end:]
        sink.append(line)
    sink.close()
    return log


@pytest.mark.parametrize("words", OUTPUTS, ids=lambda words: words[0])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
def test_a_strangers_bytes_are_inert_in_every_output(
    tmp_path: Path, words: tuple[str, ...], form: tuple[str, ...],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = hostile_log(tmp_path / "hostile")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy").write_text("Key web1-backup\nBackup /etc\n")
    (tmp_path / "policy").chmod(0o600)
    command, *rest = words
    main(["audit", command, "--store", str(tmp_path / "store"), *form, *rest,
          os.fsdecode(log.log)])
    told = capsys.readouterr()
    assert told.out, told.err
    for text in (told.out, told.err):
        assert text.isascii()
        assert text.replace("\n", "").isprintable()


def test_a_terminal_gets_tables_in_which_nothing_hostile_acts(tmp_path: Path) -> None:
    """rich reads markup and takes control sequences for its own; cells are neither."""
    log, store = hostile_log(tmp_path / "hostile"), str(tmp_path / "store")
    line = ["report", "--no-verify", "--store", store, os.fsdecode(log.log)]
    argv = ["script", "-qec", f"{sys.executable} -m bpc_ssh_guard audit {' '.join(line)}",
            "/dev/null"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True,
                          env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "120"})
    assert "\u2502" in done.stdout  # rich's frame
    assert "Refusals" in done.stdout
    assert "\x1b[2J" not in done.stdout
    assert "\u202e" not in done.stdout
