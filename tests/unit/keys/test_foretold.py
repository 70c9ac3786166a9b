"""A dry run says what would be done and to which key, ends with 1 for it, and does nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.journal import Entry, State
from bpc_ssh_guard.keys.store import Store

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "a" * 32, "b" * 32
DAY = 24 * 60 * 60


class Server:
    """A server below FOLDER with a host at rest and one whose rotation is under way."""

    def __init__(self, folder: Path) -> None:
        (folder / "var").mkdir(mode=0o700)
        self.folder, self.path = folder, str(folder / "config")
        with open(self.path, "w", encoding="ascii") as file:
            file.write(f'[paths]\nvar = "{folder}/var"\netc = "{folder}/etc"\nreader = ""\n'
                       f'[certificates]\nfolder = "{folder}/ca"\n')
            for name in ("resting", "turning"):
                file.write(f'[host.{name}]\naddress = "192.0.2.1"\n'
                           f'labels = {{ backup = "{name}-backup", restore = "{name}-restore" }}\n')
        self.store = Store(load(self.path).database)
        since = int(time.time()) - 9 * DAY
        for host in ("resting", "turning"):
            for label in (f"{host}-backup", f"{host}-restore"):
                self.store.write(Entry(host, label, State.IDLE, 3, OLD, since=since), "enrolled")
        begun = Entry("turning", "turning-backup", State.IDLE, 3, OLD, since=since)
        self.store.write(begun.begun(4, NEW, since), "generated")

    def run(self, *words: str) -> int:
        return main(["keys", words[0], "--config", self.path, *words[1:], "--dry-run"])


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


TOLD = {
    ("rotate", "--host", "resting", "--label", "backup"):
        [f"resting resting-backup: would replace the key, in use for 9d (g3 {OLD})"],
    ("rotate", "--host", "turning", "--label", "backup"):
        [f"turning turning-backup: would go on with the rotation under way (g3 {OLD})"],
    ("rollback",):
        [f"turning turning-backup: would take the rotation back, to this key (g3 {OLD})"],
    ("rollback", "--host", "resting"): [],
    ("revoke", "--host", "resting", "--emergency", "--label", "backup"):
        [f"resting resting-backup: would replace the key, and take it out at once (g3 {OLD})"],
    ("grant", "restore", "resting", "turning", "--for", "90m"):
        ["resting resting-restore: would open it for 90m",
         "turning turning-restore: would open it for 90m"],
}


@pytest.mark.parametrize("words", TOLD, ids=" ".join)
def test_it_is_told_in_words_and_as_json_and_not_done(
    server: Server, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    told, events, entries = TOLD[words], server.store.events(), server.store.entries()
    status = exits.NO if told else exits.YES
    assert server.run(*words) == status
    assert sorted(capsys.readouterr().out.splitlines()) == told
    assert server.run(*words, "--json") == status
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["outcome"] for record in records] == ["would"] * len(told)
    assert (server.store.events(), server.store.entries()) == (events, entries)


def test_an_authority_that_is_there_is_not_promised_anew(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["keys", "ca", "--config", server.path]
    assert server.run("ca", "init") == exits.NO
    assert capsys.readouterr().out == f"would make an authority in {server.folder}/ca\n"
    assert not (server.folder / "ca").exists()
    assert main([*words, "init"]) == exits.YES
    assert server.run("ca", "init") == exits.COULD_NOT_RUN
    assert "has an authority; replace it by bpc-ssh-keys ca rotate" in capsys.readouterr().err
    assert main([*words, "rotate", "--dry-run", "--json"]) == exits.NO
    assert json.loads(capsys.readouterr().out) == {
        "would": "would make another authority and prove it on the clients"
    }
