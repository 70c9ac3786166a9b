"""The smb password leaves the configuration, and the daemon's children have it all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .migrated import PASSWORD

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Return what came of moving the password, a backup, and moving it back."""
    if os.geteuid() != 0:
        pytest.fail("this needs root, as systemd is: run the lab as root")
    folder = tmp_path_factory.mktemp("migrated")
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, "-m",
         "tests.lab.posture.migrated", folder], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_child_of_the_daemon_is_given_the_password_that_systemd_holds(outcome):
    assert outcome["sealed"] == 1
    assert outcome["seen"] == PASSWORD


def test_no_file_of_the_configuration_and_no_other_account_sees_it(outcome):
    assert outcome["in_config"] is False
    assert outcome["environment"] != 0


def test_undo_restores_the_configuration_byte_for_byte(outcome):
    assert outcome["left"] == []
    assert outcome["restored"] is True
    assert outcome["remaining"] == []


def test_the_daemon_reads_its_configuration_anew_when_told(outcome):
    assert outcome["reload"] == ""
    assert "Reloading config" in outcome["log"]
