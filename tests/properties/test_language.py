"""The independent judge of rendered vectors tells what must not be started from what may."""

from __future__ import annotations

import pytest

from tests.oracles.language import Right, complaints

BACKUP = Right("backup", (b"/srv/data", b"/home"))
RESTORE = Right("restore", (b"/srv/restore",), delete=False)
SENDER = (b"/usr/bin/rsync", b"--server", b"--sender", b"-lr")
RECEIVER = (b"/usr/bin/rsync", b"--server", b"-lr", b"--drop-D", b"--chmod=ug-s")
CREATE = (b"/usr/bin/tar", b"-c", b"-f", b"-", b"-C", b"/srv/data")
EXTRACT = (b"/usr/bin/tar", b"-x", b"-f", b"-", b"-C", b"/srv/restore")


@pytest.mark.parametrize(
    ("argv", "right"),
    [
        ((*SENDER, b".", b"/srv/data", b"/home/a/"), BACKUP),
        ((*SENDER, b"--timeout=5", b"--confine-root=/srv/data", b".", b"/srv/data"), BACKUP),
        ((*RECEIVER[:2], b"-lre.iLs", *RECEIVER[3:], b".", b"/srv/restore"), RESTORE),
        ((*CREATE, b"-v", b"--newer=2026-11-23 02:16:28", b"--exclude=x", b"--exclude=y", b"./a"),
         BACKUP),
        ((*EXTRACT, b"-p", b"--no-overwrite-dir"), RESTORE),
        ((*CREATE, b"--no-unquote", b"./\\056"), BACKUP),
    ],
)  # fmt: skip
def test_has_no_complaint_about_what_the_policy_admits(
    argv: tuple[bytes, ...], right: Right
) -> None:
    assert complaints(argv, right) == []


@pytest.mark.parametrize(
    ("argv", "right"),
    [
        ((b"/bin/sh", b"-c", b"id"), BACKUP), ((b"rsync", *SENDER[1:], b".", b"/srv/data"), BACKUP),
        ((*SENDER, b".", b"/etc"), BACKUP), ((*SENDER, b".", b"/srv/dataX"), BACKUP),
        ((*SENDER, b".", b"/srv/data/../x"), BACKUP), ((*SENDER, b".", b"/srv/data/\n"), BACKUP),
        ((*SENDER, b".", b"srv/data"), BACKUP), ((*SENDER, b"."), BACKUP), (SENDER, BACKUP),
        ((*SENDER, b".", b"/srv/data", b"--log-file=/x"), BACKUP),
        ((*SENDER, b"--log-file=/x", b".", b"/srv/data"), BACKUP),
        ((*SENDER, b"--timeout", b"5", b".", b"/srv/data"), BACKUP),
        ((*SENDER, b"--timeout=x", b".", b"/srv/data"), BACKUP),
        ((*SENDER, b"--numeric-ids", b"--numeric-ids", b".", b"/srv/data"), BACKUP),
        ((*SENDER, b"--fake-super", b".", b"/srv/data"), BACKUP),
        ((*SENDER[:3], b"-ls", b".", b"/srv/data"), BACKUP),
        ((*SENDER[:3], b"-lA", b".", b"/srv/data"), BACKUP),
        ((*SENDER[:3], b"-ll", b".", b"/srv/data"), BACKUP),
        ((*SENDER[:3], b"-le.iLsX", b".", b"/srv/data"), BACKUP),
        ((*SENDER, b"--confine-root=/", b".", b"/srv/data"), BACKUP),
        ((*RECEIVER, b".", b"/srv/restore"), BACKUP), ((*SENDER, b".", b"/srv/restore"), RESTORE),
        ((*RECEIVER, b".", b"/srv/restore", b"/srv/restore"), RESTORE),
        ((*RECEIVER, b"--delete", b".", b"/srv/restore"), RESTORE),
        ((*RECEIVER[:3], b".", b"/srv/restore"), RESTORE), ((*CREATE, b"/etc"), BACKUP),
        (CREATE, BACKUP), ((*CREATE, b"./../x"), BACKUP), ((*CREATE, b"-T", b"x", b"."), BACKUP),
        ((*CREATE, b"./\\056\\056/x"), BACKUP),
        ((*CREATE, b"--newer=/etc/x", b"."), BACKUP), ((*CREATE, b".", b"-v"), BACKUP),
        ((*CREATE, b"--acls", b"."), BACKUP), ((*CREATE[:4], b"."), BACKUP),
        ((*CREATE, b"-C", b"/home", b"."), BACKUP),
        ((*CREATE[:3], b"x", *CREATE[4:], b"."), BACKUP),
        ((*EXTRACT, b"."), RESTORE), ((*EXTRACT, b"--to-command=id"), RESTORE),
        (EXTRACT, BACKUP), ((*CREATE, b"."), RESTORE),
    ],
)  # fmt: skip
def test_complains_about_what_it_does_not(argv: tuple[bytes, ...], right: Right) -> None:
    assert complaints(argv, right)
