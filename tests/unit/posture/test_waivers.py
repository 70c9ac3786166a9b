"""A waiver lets one finding pass, for a reason and until a day; a useless one is told."""

from __future__ import annotations

import datetime
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.posture import waivers
from bpc_ssh_guard.posture.finding import Severity, State
from bpc_ssh_guard.posture.report import Bar, Report
from bpc_ssh_guard.posture.waivers import Waiver, WaiverError

from .findings import audit_of, finding

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = frozenset({"SEC-03", "SSH-08"})
TODAY = datetime.date(2026, 11, 28)
SUBJECT = "/etc/backuppc/config.pl.old"
GOOD = f'[[waiver]]\nid = "SEC-03"\nsubject = "{SUBJECT}"\nreason = "moves in May"\n'
EXPIRES = "expires = 2026-11-28\n"


def write(folder: Path, text: str, mode: int = 0o644) -> str:
    path = folder / "waivers.toml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def waiver(**other: object) -> Waiver:
    given = {"id": "SEC-03", "subject": SUBJECT, "reason": "moves in May", "expires": TODAY}
    return Waiver(**{**given, **other})  # type: ignore[arg-type]


def test_reads_what_is_waived_why_and_until_when(tmp_path: Path) -> None:
    assert waivers.read(write(tmp_path, GOOD + EXPIRES), KNOWN) == [waiver()]


@pytest.mark.parametrize(("text", "said"), [
    (GOOD, "waiver 1: needs id, subject, reason, expires and nothing else"),
    (GOOD + EXPIRES + 'note = "x"\n', "waiver 1: needs id"),
    (GOOD + 'expires = "2026-11-28"\n', "expires must be a day"),
    (GOOD + "expires = 2026-11-28T00:00:00Z\n", "expires must be a day"),
    (GOOD.replace("moves in May", " ") + EXPIRES, "reason must be text"),
    (GOOD.replace("SEC-03", "SEC-99") + EXPIRES, "there is no check 'SEC-99'"),
    ('wavier = 1\n', "only [[waiver]] tables are known"),
    ("waiver = 1\n", "only [[waiver]] tables are known"),
    ("[[waiver\n", "line 1"),
])
def test_refuses_what_it_does_not_understand(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(WaiverError) as raised:
        waivers.read(path, KNOWN)
    assert str(raised.value).startswith(f"{path}: ")
    assert said in str(raised.value)


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_refuses_a_file_that_others_can_write(tmp_path: Path, mode: int) -> None:
    with pytest.raises(WaiverError, match="chmod go-w"):
        waivers.read(write(tmp_path, GOOD + EXPIRES, mode), KNOWN)


@pytest.mark.lab
def test_refuses_a_file_of_another_account(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + EXPIRES)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*as_root, "chown", "65534:65534", path], check=True, timeout=60)
    with pytest.raises(WaiverError, match="neither root nor you"):
        waivers.read(path, KNOWN)


@pytest.mark.parametrize("state", [State.FAIL, State.WARN, State.UNKNOWN])
def test_lets_the_finding_pass_until_its_last_day(state: State) -> None:
    found = [finding(state)]
    waived = waivers.apply(found, [waiver()], TODAY)
    assert [each.waived for each in waived.findings] == ["moves in May"]
    assert Report(audit_of(*found), waived, bar=Bar(Severity.LOW, strict=True)).is_clean


def test_does_nothing_after_its_day_and_says_so() -> None:
    waived = waivers.apply([finding()], [waiver()], TODAY + datetime.timedelta(days=1))
    assert [each.waived for each in waived.findings] == [None]
    assert waived.troubles == ((waiver(), "has expired"),)


@pytest.mark.parametrize("other", [{"subject": "/etc"}, {"id": "SSH-08"}])
def test_waives_that_check_of_that_subject_alone(other: dict[str, str]) -> None:
    waived = waivers.apply([finding()], [waiver(**other)], TODAY)
    assert [each.waived for each in waived.findings] == [None]
    assert [trouble for _, trouble in waived.troubles] == ["nothing found that it waives"]


def test_is_idle_where_all_is_right() -> None:
    waived = waivers.apply([finding(State.PASS)], [waiver()], TODAY)
    assert waived.findings[0].waived is None
    report = Report(audit_of(finding(State.PASS)), waived)
    assert report.is_clean
    assert not Report(report.audit, waived, bar=Bar(strict=True)).is_clean
