"""Only the account that owns the store writes for BackupPC, and only as a member of its group."""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.__main__ import main
from tests.lab.host import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def config(passable: Path) -> Path:
    """A configuration whose store and files belong to the account nobody, no member of backuppc."""
    if os.geteuid() != 0:
        pytest.fail("this needs root, to be another account: run the lab as root")
    for name in ("etc", "var"):
        (passable / name).mkdir(mode=0o750)
        os.chown(passable / name, NOBODY.pw_uid, NOBODY.pw_gid)
    path = passable / "config"
    path.write_text(f'[paths]\netc = "{passable}/etc"\nvar = "{passable}/var"\n[host.web1]\n')
    return path


# The machine's own Python: the one that runs the tests may lie where only root can go.
RENDER = """
import sys
from bpc_ssh_guard.keys.config import load
from bpc_ssh_guard.keys.render import render
from bpc_ssh_guard.keys.trouble import Trouble
try:
    render(load(sys.argv[1]))
except Trouble as trouble:
    sys.exit(str(trouble))
"""


def as_nobody(config: Path, groups: list[int]) -> subprocess.CompletedProcess[str]:
    """Run render as nobody with GROUPS."""
    return subprocess.run(
        ["/usr/bin/python3", "-B", "-c", RENDER, str(config)],
        cwd=CHECKOUT, user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=groups,
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin:/bin"},
    )


def test_who_is_no_member_of_the_readers_group_is_told_how_to_become_one(config: Path) -> None:
    done = as_nobody(config, [])
    assert done.returncode == 1
    assert "usermod -a -G backuppc nobody" in done.stderr
    assert list((config.parent / "etc").iterdir()) == []


def test_a_member_of_the_readers_group_writes_for_it(config: Path) -> None:
    group = pwd.getpwnam("backuppc").pw_gid
    done = as_nobody(config, [group])
    assert (done.returncode, done.stderr) == (0, "")
    written = config.parent / "etc/ssh/web1.backup.conf"
    assert (written.stat().st_uid, written.stat().st_gid) == (NOBODY.pw_uid, group)
    assert written.parent.stat().st_gid == group


def test_root_does_not_write_in_the_place_of_the_owner(config: Path, capsys) -> None:
    assert main(["keys", "render", "--config", str(config)]) == 2
    assert "run this as that account" in capsys.readouterr().err
    assert list((config.parent / "etc").iterdir()) == []
