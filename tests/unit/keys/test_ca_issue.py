"""`ca issue` serves many labels together, and each of them ends for itself."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.cli.keys import main
from bpc_ssh_guard.keys.certificates import certificate
from bpc_ssh_guard.keys.certificates.issue import BATCH
from bpc_ssh_guard.keys.files import Pairs

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = BATCH + 3  # more than one commit
BAD = "web7"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a server with an authority and HOSTS hosts of one label."""
    (tmp_path / "var").mkdir(mode=0o750)
    path = tmp_path / "config"
    path.write_text(
        f'[paths]\netc = "{tmp_path}/etc"\nvar = "{tmp_path}/var"\nreader = ""\n'
        f'[certificates]\nfolder = "{tmp_path}/ca"\n' + "".join(
            f'[host.web{number}]\nchannel = "certificate"\nfrom = "192.0.2.10"\n'
            f'labels = {{ backup = "web{number}-backup" }}\n' for number in range(HOSTS)
        )
    )
    assert main(["ca", "--config", str(path), "init"]) == 0
    return path


def issued(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    """Issue for all; return what was told, by host."""
    capsys.readouterr()
    main(["ca", "--config", str(config), "--json", "issue"])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {record["host"]: record for record in records}


def test_every_label_has_its_own_pair_and_certificate_of_its_own_serial(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = issued(config, capsys)
    assert len(told) == HOSTS
    serials, keys = set(), set()
    for host, record in told.items():
        pairs = Pairs(config.parent / "var" / "keys" / host / f"{host}-backup")
        pair, found = pairs.current(), certificate.read(pairs.folder / "current-cert.pub")
        assert pair is not None and found is not None
        assert (found.serial, found.key) == (record["serial"], pair.key_id)
        assert found.principals == (f"bpc-{host}-backup@{host}".encode(),)
        assert stat.S_IMODE(pair.path.stat().st_mode) == 0o640
        serials.add(found.serial)
        keys.add(found.key)
    assert len(serials) == len(keys) == HOSTS


def test_a_label_that_cannot_be_written_fails_alone(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "var" / "keys").mkdir(mode=0o750)
    blocked = config.parent / "var" / "keys" / BAD
    blocked.write_text("no folder")

    told = issued(config, capsys)

    assert [host for host, each in told.items() if each["outcome"] != "issued"] == [BAD]
    assert str(blocked) in str(told[BAD]["text"])
    blocked.unlink()
    assert issued(config, capsys)[BAD]["outcome"] == "issued"


def test_a_certificate_that_cannot_be_replaced_fails_alone(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = issued(config, capsys)
    path = config.parent / "var" / "keys" / BAD / f"{BAD}-backup" / "current-cert.pub"
    path.with_name(path.name + ".new").mkdir()  # in the way of the new one

    told = issued(config, capsys)

    assert [host for host, each in told.items() if each["outcome"] != "issued"] == [BAD]
    found = certificate.read(path)
    assert found is not None and found.serial == first[BAD]["serial"]


@pytest.mark.parametrize("left", ["empty", "file", "pair"])
def test_a_folder_that_is_there_is_kept_with_all_that_it_holds(
    config: Path, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = Pairs(config.parent / "var" / "keys" / BAD / f"{BAD}-backup")
    pairs.folder.mkdir(parents=True)
    made = pairs.generate(3) if left == "pair" else None
    if left == "file":
        (pairs.folder / "note").write_text("an admin's")
    before = {path.name: path.read_bytes() for path in pairs.folder.iterdir()}

    assert issued(config, capsys)[BAD]["outcome"] == "issued"

    after = {path.name: path.read_bytes() for path in pairs.folder.iterdir()}
    assert before.items() <= after.items()
    assert made is None or pairs.current() == made
    found, pair = certificate.read(pairs.folder / "current-cert.pub"), pairs.current()
    assert found is not None and pair is not None and found.key == pair.key_id
