"""The units for systemd start commands that there are, and systemd finds nothing to complain of."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import bpc_ssh_guard
from bpc_ssh_guard.cli import keys, posture
from bpc_ssh_guard.keys.certificates.settings import DEFAULT_FOLDER
from bpc_ssh_guard.keys.config import DEFAULT_VAR

CHECKOUT = Path(bpc_ssh_guard.__file__).parents[1]
UNITS = sorted((CHECKOUT / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PARSERS = {"/usr/bin/bpc-ssh-keys": keys.parser, "/usr/bin/bpc-ssh-posture": posture.parser}


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    stub = tmp_path / "program"
    stub.write_text("#!/bin/sh\n")
    stub.chmod(0o755)
    for other in UNITS:  # a timer needs its service
        text = re.sub("|".join(PARSERS), str(stub), other.read_text())
        (tmp_path / other.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / unit.name],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_runs_a_command_that_there_is(unit: Path) -> None:
    program, *words = shlex.split(read(unit)["Service"]["ExecStart"])
    assert PARSERS[program]().parse_args(words).handler


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_can_change_nothing_but_its_own(unit: Path) -> None:
    service = read(unit)["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"


@pytest.mark.parametrize("unit", [each for each in SERVICES if "-keys-" in each.name],
                         ids=lambda unit: unit.name)
def test_a_service_of_keys_is_not_root_and_writes_where_the_store_is(unit: Path) -> None:
    service = read(unit)["Service"]
    assert service["User"] == "bpckeys"
    assert DEFAULT_VAR in service["ReadWritePaths"].split()


def test_what_talks_with_clients_sees_no_authority_and_what_signs_no_network() -> None:
    folder = CHECKOUT / "systemd"
    rotating = read(folder / "bpc-ssh-keys-rotate.service")["Service"]
    signing = read(folder / "bpc-ssh-keys-certificates.service")["Service"]
    assert rotating["InaccessiblePaths"] == f"-{DEFAULT_FOLDER}"
    assert DEFAULT_FOLDER in signing["ReadWritePaths"].split()
    assert signing["PrivateNetwork"] == "yes"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_has_its_timer(unit: Path) -> None:
    assert "OnCalendar" in read(unit.with_suffix(".timer"))["Timer"]


def test_setup_installs_every_unit() -> None:
    setup = (CHECKOUT / "setup.cfg").read_text()
    assert sorted(re.findall(r"systemd/(bpc[\w.-]+)", setup)) == [unit.name for unit in UNITS]
