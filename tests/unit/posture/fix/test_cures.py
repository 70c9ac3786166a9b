"""What a check says can be mended is mended, and given back byte for byte and mode for mode."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest

from bpc_ssh_guard.posture.checks import BY_ID
from bpc_ssh_guard.posture.finding import Auto
from bpc_ssh_guard.posture.fix import plan
from bpc_ssh_guard.posture.fix.journal import FOLDER, Journal
from tests.unit.posture.checks.conftest import found, troubles
from tests.unit.posture.checks.test_cgi import FAULTS as OF_CGI
from tests.unit.posture.checks.test_planted_faults import FAULTS, HOSTS


def _set(line):
    return lambda tree: tree.configure(line)


OF_SOCKET = {
    "a port without a secret": (
        _set("$Conf{ServerPort} = 2359;"), ("SRV-01", "fail", "critical", "ServerPort")),
    "a port": (
        _set("$Conf{ServerPort} = 2359; $Conf{ServerMesgSecret} = '8Zr3uVx0LmT7yKc5NbW2eHjA9sDf';"),
        ("SRV-02", "fail", "high", "ServerPort")),
    "a word as the secret": (
        _set("$Conf{ServerMesgSecret} = 'sesame';"),
        ("SRV-03", "fail", "medium", "ServerMesgSecret")),
    "a loose umask": (
        _set("$Conf{UmaskMode} = 007;"), ("SRV-05", "fail", "high", "UmaskMode")),
}
# The plant and the finding that it must make.
PLANTED = {name: (plant, expected) for name, (plant, expected) in {**FAULTS, **OF_SOCKET}.items()}
PLANTED |= {name: (plant, each) for name, (plant, expected) in {**HOSTS, **OF_CGI}.items()
            for each in expected if each[1] == "fail"}
CURABLE = {name: (plant, expected) for name, (plant, expected) in PLANTED.items()
           if BY_ID[expected[0]].auto in (Auto.MODE, Auto.CONFIG)}
# Owners, and files that belong to others than BackupPC, are for a person.
LEFT = {
    "an open credential file", "a password in a unit", "a backup of the configuration",
    "host keys thrown away for all", "an agent forwarded by the system",
    "a key of another", "a unit of backuppc", "everybody an administrator",
}  # fmt: skip


def snapshot(tree):
    """Return mode, owner and content of everything but our journals."""
    seen = {}
    for folder, folders, names in os.walk(tree.root):
        folders[:] = [name for name in folders if name != FOLDER]
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            data = Path(path).read_bytes() if stat.S_ISREG(info.st_mode) else b""
            seen[path] = (info.st_mode, info.st_uid, info.st_gid, data)
    return seen


@pytest.mark.parametrize("name", sorted(CURABLE))
def test_a_planted_fault_is_mended_or_left_to_a_person_and_undo_restores_it(hardened, name):
    plant, expected = CURABLE[name]
    plant(hardened)
    planted = snapshot(hardened)
    site = hardened.site()
    steps = plan.plan(site, BY_ID, found(hardened, expected[0]))
    with contextlib.closing(Journal(site.disk)) as journal:
        done = list(plan.apply(site, steps, journal))
    left = expected in troubles(hardened, expected[0])
    if name in LEFT:
        assert left
        assert all(step.state == plan.REFUSED for step in done)
        assert snapshot(hardened) == planted
        return
    assert {step.state for step in done} == {plan.DONE}
    assert not left
    assert [reason for _, reason in plan.undo(hardened.site(), journal.path) if reason] == []
    restored = snapshot(hardened)
    restored.pop(str(hardened.path("/etc/backuppc/LOCK")), None)  # BackupPC's own, and empty
    assert restored == planted
