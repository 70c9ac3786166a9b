"""The probe sees what a real daemon does, whatever its file says by now."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from .listening import PORT

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def told():
    """Return what the probe saw of each state of one daemon."""
    # Short, since the path of its socket holds 107 bytes; open, since it runs as backuppc.
    folder = tempfile.mkdtemp(prefix="bpc-lab-")
    os.chmod(folder, 0o755)
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    try:
        done = subprocess.run([*apart, sys.executable, "-m", "tests.lab.posture.listening", folder],
                              capture_output=True, timeout=120, check=False)
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_stock_has_no_port_and_takes_the_empty_secret_on_its_own_socket(told):
    assert (told["stock"]["ports"], told["stock"]["empty"]) == ([], "accepted")


def test_a_stranger_at_the_open_port_is_believed_without_a_secret(told):
    assert told["open"]["ports"] == [PORT]
    assert (told["open"]["asked"], told["open"]["empty"]) == (PORT, "accepted")


def test_an_edited_secret_is_not_in_use_before_a_reload(told):
    assert (told["edited"]["empty"], told["edited"]["same"]) == ("accepted", False)
    assert (told["secret"]["empty"], told["secret"]["same"]) == ("refused", True)


def test_another_secret_is_refused(told):
    assert (told["other"]["empty"], told["other"]["same"]) == ("refused", False)


def test_knows_how_many_files_the_daemon_may_open(told):
    assert told["stock"]["limit"] is None or told["stock"]["limit"] > 0


def said(told, state, check):
    return set(told[state]["checks"][check])


def test_the_checks_are_content_with_a_stock_server(told):
    for check in ("SRV-01", "SRV-02", "SRV-04", "SRV-06"):
        assert {each.split(" ")[0] for each in told["stock"]["checks"][check]} == {"pass"}, check


def test_the_checks_find_an_open_port_without_a_secret(told):
    assert said(told, "open", "SRV-01") == {"fail ServerPort"}
    assert said(told, "open", "SRV-02") == {"fail ServerPort"}
    assert "pass ServerPort" in said(told, "open", "SRV-04")


def test_the_checks_find_a_secret_that_is_in_the_file_and_not_in_use(told):
    assert "fail ServerMesgSecret" in said(told, "edited", "SRV-04")
    assert said(told, "edited", "SRV-01") == {"fail ServerPort"}  # what runs counts


def test_the_checks_find_the_secret_in_use_after_a_reload(told):
    assert "pass ServerMesgSecret" in said(told, "secret", "SRV-04")
    assert said(told, "secret", "SRV-01") == {"pass ServerPort"}
    assert said(told, "secret", "SRV-02") == {"fail ServerPort"}
