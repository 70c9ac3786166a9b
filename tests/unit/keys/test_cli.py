"""The command line of bpc-ssh-keys where no client is asked: usage, ages, exports, dry runs."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import __version__, exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.cli.keys import MODULES, parser
from bpc_ssh_guard.duration import DAY
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.journal import Entry, State
from bpc_ssh_guard.keys.store import Store

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a" * 32


class Server:
    """A server below FOLDER with three hosts, whose backup keys are of different ages."""

    def __init__(self, folder: Path) -> None:
        (folder / "var").mkdir(mode=0o700)
        self.path = str(folder / "config")
        with open(self.path, "w", encoding="ascii") as file:
            file.write(f'[paths]\nvar = "{folder}/var"\netc = "{folder}/etc"\nreader = ""\n')
            for name in ("new", "ageing", "old"):
                file.write(f'[host.{name}]\nlabels = {{ backup = "{name}-backup" }}\n')
            file.write('[host.signed]\nchannel = "certificate"\nfrom = []\n')
        self.store = Store(load(self.path).database)
        now = int(time.time())
        for name, days in (("new", 1), ("ageing", 80), ("old", 91)):
            since = now - days * DAY
            self.store.write(Entry(name, f"{name}-backup", State.IDLE, 3, KEY, since=since), "x")

    def run(self, *words: str) -> int:
        return main(["keys", words[0], "--config", self.path, *words[1:]])


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_age_tells_which_keys_are_due(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server.run("age") == exits.NO
    assert said(capsys) == [
        f"new new-backup: ok, 24h, g3 {KEY}, idle",
        f"ageing ageing-backup: warn, 80d, g3 {KEY}, idle",
        f"old old-backup: due, 91d, g3 {KEY}, idle",
    ]
    assert server.run("age", "--host", "new", "--host", "ageing", "--json") == exits.YES
    assert [json.loads(line)["age_status"] for line in said(capsys)] == ["ok", "warn"]


def test_a_key_that_the_store_does_not_know_is_told(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.store.write(Entry("new", "new-backup"), "lost")
    assert server.run("age", "--host", "new") == exits.NO
    assert said(capsys) == ["new new-backup: unknown, -, -, idle"]


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        ((), ["new", "ageing", "old"]), (("--due",), ["old"]),
        (("--older-than", "79d"), ["ageing", "old"]), (("--label", "old-backup"), ["old"]),
        (("--label", "backup", "--host", "new"), ["new"]), (("--older-than", "95d"), []),
    ],
)
def test_a_dry_run_tells_what_would_be_replaced(
    server: Server, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], hosts: list[str]
) -> None:
    assert server.run("rotate", "--dry-run", "--json", *words) == (
        exits.NO if hosts else exits.YES
    )
    records = [json.loads(line) for line in said(capsys)]
    assert [record["host"] for record in records] == hosts
    assert {record["outcome"] for record in records} <= {"would"}


def test_shards_share_the_hosts(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for number in "123":
        server.run("rotate", "--dry-run", "--json", "--shard", f"{number}/3")
    hosts = [json.loads(line)["host"] for line in said(capsys)]
    assert sorted(hosts) == ["ageing", "new", "old"]


def test_export_has_every_host(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert server.run("export", "--json") == exits.YES
    hosts = json.loads(capsys.readouterr().out)["hosts"]
    assert [host["host"] for host in hosts] == ["new", "ageing", "old", "signed"]
    assert hosts[0]["keys"][0]["key"] == KEY
    assert hosts[3]["keys"][0] == {"purpose": "backup", "label": "signed-backup", "state": None}


WRONG = {
    "an unknown host": (("rotate", "--host", "web9"), "names no host web9; write [host.web9]"),
    "a host of certificates": (("rotate", "--host", "signed"), "channel certificate, not key"),
    "an unknown label": (("list", "--label", "web9"), "no host has the label web9"),
    "no jobs": (("list", "--jobs", "0"), "--jobs takes a number from 1 to 32"),
    "too many jobs": (("verify", "--jobs", "33"), "--jobs takes a number from 1 to 32"),
    "no shard": (("list", "--shard", "0/3"), "--shard takes I/N"),
    "a shard beyond": (("list", "--shard", "4/3"), "--shard takes I/N"),
    "an age without unit": (("rotate", "--older-than", "3"), "--older-than: '3' is no duration"),
    "a soak without unit": (("rotate", "--soak", "3"), "--soak: '3' is no duration"),
    "a long grant": (("grant", "backup", "new", "--for", "25h"), "--for takes 1m to 24h"),
    "a grant of nothing": (("grant", "restore", "new"), "new has no label restore"),
    "a grant of nobody": (("grant", "restore", "web9"), "names no host web9"),
    "no KEYID": (("revoke", "--host", "new", "--key", "abc"), "'abc' is no KEYID"),
    "revoking everywhere": (("revoke", "--emergency"), "say whose key with --host"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be_meant_is_told_before_anything_is_done(
    server: Server, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    words, told = WRONG[name]
    events = server.store.events()
    assert server.run(*words) == exits.COULD_NOT_RUN
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.startswith("bpc-ssh-keys: ")
    assert told in caught.err
    assert server.store.events() == events


def test_a_missing_configuration_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "age", "--config", f"{tmp_path}/none"]) == exits.COULD_NOT_RUN
    assert capsys.readouterr().err == f"bpc-ssh-keys: {tmp_path}/none: No such file or directory\n"


def left(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["keys", *words])
    return caught.value.code


@pytest.mark.parametrize("words", [(), ("nonsense",), ("rotate", "--due", "--older-than", "1d")])
def test_says_how_to_call_it(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert left(*words) == exits.COULD_NOT_RUN
    assert "usage: bpc-ssh-keys" in capsys.readouterr().err


def test_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("--version") == 0
    assert capsys.readouterr().out == f"bpc-ssh-keys {__version__}\n"


def test_prints_a_completion_that_bash_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "completion", "bash"]) == exits.YES
    done = subprocess.run(["bash", "-n"], input=capsys.readouterr().out, text=True,
                          capture_output=True, check=True)
    assert done.stderr == ""


def test_help_loads_no_library_that_only_a_run_needs() -> None:
    script = (
        "import sys\nfrom bpc_ssh_guard.cli.keys import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('paramiko', 'cryptography', 'rich') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True,
                          check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def commands(parser: argparse.ArgumentParser) -> set[str]:
    """Return the commands that PARSER knows, but for completion, which every parser has."""
    (action,) = (each for each in parser._actions
                 if isinstance(each, argparse._SubParsersAction))
    return set(action.choices) - {"completion"}


def test_all_commands_are_known_and_the_chosen_one_by_its_own_module_alone() -> None:
    everything = commands(parser())
    assert everything == set(MODULES) == commands(parser("--help")) == commands(parser("rotatee"))
    for chosen, module in MODULES.items():
        assert commands(parser(chosen)) == {each for each in MODULES if MODULES[each] == module}


def test_a_run_imports_neither_other_commands_nor_what_runs_commands_of_an_ssh_configuration(
    server: Server,
) -> None:
    script = (
        "import sys\nfrom bpc_ssh_guard.__main__ import main\n"
        f"main(['keys', 'age', '--config', {server.path!r}])\n"
        "import bpc_ssh_guard.keys.ssh\n"
        "print([name for name in sys.modules if name.startswith('bpc_ssh_guard.cli.keys.')\n"
        "       or name in ('paramiko', 'invoke')])\n"
        "import invoke\n"
    )
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True,
                          check=True)
    own = ["bpc_ssh_guard.cli.keys.common", "bpc_ssh_guard.cli.keys.age"]
    assert done.stdout.splitlines()[-1] == str([*own, "paramiko"])
