"""`bpc-ssh-guardctl explain` says what the guard would do, in words, in JSON and in batches."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main

POLICY = """\
Log {tmp}/log
Key web1-backup
    Backup   /srv/data "/srv/My Data"
    Accept   nice
    Tools    rsync
Key web1-restore
    Restore  /srv/restore
    Window   always
    Delete   no
"""
BACKUP = "rsync --server --sender -slHogDtprcxe.iLsfxC"
LIST = b"rsync\0--timeout=72000\0--numeric-ids\0.\0/srv/data/\0\0"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy"
    path.write_text(POLICY.format(tmp=tmp_path))
    path.chmod(0o600)
    return str(path)


def explain(policy: str, *arguments: str) -> int:
    return main(["guardctl", "explain", "--policy", policy, *arguments])


def test_says_what_would_run_and_how_far_it_reaches(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = r"nice -n 19 rsync --server --sender -logDtpre.iLsfxC . /srv/My\ Data/a"

    assert explain(policy, "--key", "web1-backup", command) == exits.YES

    out = capsys.readouterr().out
    assert "allowed: rsync backup" in out
    assert "/usr/bin/rsync --server --sender -logDtpre.iLsfxC" in out
    assert "within:   /srv/My Data" in out
    assert "niceness: 19" in out


def test_reads_a_secluded_list_from_a_file(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").write_bytes(LIST)

    status = explain(policy, "--key", "web1-backup", "--list", str(tmp_path / "list"), BACKUP)

    assert status == exits.YES
    assert " -lHogDtprcxe.iLsfxC --timeout=72000 --numeric-ids" in capsys.readouterr().out


def test_puts_a_caret_below_the_first_offending_byte(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = r"rsync --server --sender -logDtpre.iLsfxC . /srv/a\ b --log-file=/x"

    assert explain(policy, "--key", "web1-backup", command) == exits.NO

    shown, caret = capsys.readouterr().out.splitlines()[2:4]
    assert shown[caret.index("^") :] == "--log-file=/x"


@pytest.mark.parametrize(
    ("key", "command", "line"),
    [
        ("web1-backup", "rsync --server --sender -logDtprXe.iL . /srv/data", "Accept nice xattrs"),
        ("web1-backup", "tar -c -f - -C /srv/data .", "Tools rsync tar"),
        (
            "web1-backup",
            r"rsync --server --sender -re.iL . /home/a\ b",
            'Backup /srv/data "/srv/My Data" "/home/a b"',
        ),
        ("web1-restore", "rsync --server -re.iL --delete . /srv/restore", "Delete yes"),
    ],
)
def test_names_the_policy_line_that_would_admit_the_command(
    policy: str, key: str, command: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "--key", key, command) == exits.NO

    assert f"would admit it: {line}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "command", "line"),
    [
        ("web1-backup", "rsync --server --sender -logDtprXe.iL . /srv/data", "Accept nice xattrs"),
        ("web1-backup", "tar -c -f - -C /srv/data .", "Tools rsync tar"),
        (
            "web1-backup",
            r"rsync --server --sender -re.iL . /home/a\ b",
            'Backup /srv/data "/srv/My Data" "/home/a b"',
        ),
        ("web1-restore", "rsync --server -re.iL --delete . /srv/restore", "Delete yes"),
    ],
)
def test_the_named_line_does_admit_it(
    policy: str, key: str, command: str, line: str
) -> None:
    text = Path(policy).read_text()
    keyword = line.split()[0]
    old = next(each for each in text.splitlines() if each.split()[0] == keyword)
    Path(policy).write_text(text.replace(old, line))

    assert explain(policy, "--key", key, command) == exits.YES


def test_shows_control_characters_escaped(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    explain(policy, "--key", "web1-backup", "rsync \x1b[2J\u202e")

    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out
    assert r"\x1b[2J\u202e" in out


def test_answers_in_json(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = "rsync --server --sender -logDtpre.iLsfxC . /etc"

    assert explain(policy, "--json", "--key", "web1-backup", command) == exits.NO

    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == "refuse"
    assert answer["reason"] == "outside-roots"
    assert answer["operation"] == "backup"
    assert answer["paths"] == ["/etc"]
    assert answer["argv"] == []


def test_decides_a_batch_line_by_line(
    policy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        {"id": 1, "key": "web1-backup", "command": BACKUP, "stdin_hex": LIST.hex()},
        {"id": "b", "key": "web1-backup", "command": BACKUP, "stdin_hex": LIST[:-1].hex()},
        {"id": None, "key": "web1-backup", "command": None, "stdin_hex": None},
        {"id": 4, "key": "nobody", "command": "id"},
        {"id": 5, "key": "web1-backup", "command": "rsync \udcff"},
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(json.dumps, entries))))

    assert explain(policy, "--batch") == exits.YES

    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == [1, "b", None, 4, 5]
    assert [answer["reason"] for answer in answers] == [
        None, "bad-secluded-list", "no-command", "unknown-key", "bad-operand",
    ]
    assert answers[0]["verdict"] == "allow"
    assert answers[0]["argv"][-2:] == [".", "/srv/data/"]
    assert answers[0]["needs"] == []


@pytest.mark.parametrize("line", ["{", "[]", '{"key": 1, "command": "id"}', '{"command": "id"}'])
def test_names_the_line_of_a_malformed_batch(
    policy: str, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\n{line}\n"))

    assert explain(policy, "--batch") == exits.COULD_NOT_RUN
    assert "<stdin>: line 2:" in capsys.readouterr().err


def test_asks_for_the_key_where_the_policy_has_several(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(policy, "id") == exits.COULD_NOT_RUN
    assert "--key web1-backup or --key web1-restore" in capsys.readouterr().err


def test_tells_file_and_line_of_a_policy_error(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(policy).write_text("Key web1-backup\n    Bakcup /srv\n")

    assert explain(policy, "id") == exits.COULD_NOT_RUN
    err = capsys.readouterr().err
    assert err == (
        f'bpc-ssh-guardctl: {policy}:2: unknown keyword "Bakcup"; did you mean "Backup"?\n'
    )
