"""`bpc-ssh-guardctl suggest` turns refusals of the log into policy lines that admit them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from tests import command_log

ROOT = Path(__file__).resolve().parents[3]
KEY_ID = "0123456789abcdef0123456789abcdef"


class Client:
    """A policy and the log that the real guard writes under it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "policy"
        (folder / "log").mkdir(mode=0o700)
        command_log.begin(folder / "log")
        self.write("Backup /srv/data", "Tools rsync")

    def write(self, *lines: str) -> None:
        text = f"Log {self.path.parent}/log\nKey web1-backup\n"
        self.path.write_text(text + "".join(f"    {line}\n" for line in lines))
        self.path.chmod(0o600)

    def login(self, command: str) -> int:
        """Let the guard itself decide COMMAND; nothing here may be allowed."""
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "bpc_ssh_guard", "guard", "--policy", str(self.path),
             "web1-backup", KEY_ID],
            env={"SSH_ORIGINAL_COMMAND": command, "PATH": "/usr/bin:/bin"},
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
        )
        return done.returncode

    def suggest(self, *options: str) -> int:
        return main(["guardctl", "suggest", "--policy", str(self.path), *options])


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


REFUSED = (
    "rsync --server --sender -logDtprXe.iL . /srv/data",
    "nice rsync --server --sender -logDtprXe.iL . /srv/data",
    "tar -c -f - -C /srv/data .",
    "rsync --server --sender -re.iL . /home/alice /srv/data/x",
    "rsync --server --sender -re.iL --log-file=/x . /srv/data",
    "id",
)


def test_suggests_one_line_for_each_keyword_that_was_missed(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in REFUSED:
        assert client.login(command) == exits.REFUSED

    assert client.suggest("--json") == exits.NO

    lines = {each["line"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(lines) == {"Accept xattrs nice", "Tools rsync tar", "Backup /srv/data /home/alice"}
    assert lines["Accept xattrs nice"]["refusals"] == 2
    assert lines["Backup /srv/data /home/alice"]["opens"] == (
        "reading everything below /home/alice"
    )


def test_suggests_lines_that_admit_what_was_refused(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in REFUSED[:4]:
        client.login(command)
    client.suggest("--json")
    client.write(*(each["line"] for each in json.loads(capsys.readouterr().out)))

    for command in REFUSED[:4]:
        status = main(["guardctl", "explain", "--policy", str(client.path), command])
        assert status == exits.YES, command


def test_says_what_each_line_opens(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.login("tar -c -f - -C /srv/data .")

    assert client.suggest() == exits.NO

    out = capsys.readouterr().out
    assert "Key web1-backup\n    Tools rsync tar\n" in out
    assert "# opens: tar beside the other tools" in out


def test_has_nothing_to_suggest_for_what_no_policy_admits(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.login("id")

    assert client.suggest() == exits.YES
    assert capsys.readouterr().out == ""


def test_says_which_log_can_not_be_read(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    os.unlink(command_log.first_segment(client.path.parent / "log"))

    assert client.suggest() == exits.COULD_NOT_RUN
    assert f"{client.path.parent}/log: there is no log" in capsys.readouterr().err


def test_ignores_torn_lines_of_the_log(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.login("tar -c -f - -C /srv/data .")
    with open(command_log.first_segment(client.path.parent / "log"), "ab") as log:
        log.write(b'{"event.action":"command-den')

    assert client.suggest() == exits.NO
    assert "Tools rsync tar" in capsys.readouterr().out
