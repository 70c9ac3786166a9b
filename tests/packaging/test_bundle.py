"""`guardctl bundle`: single files, the same bytes everywhere, that run with Python alone."""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.guardctl.bundle import bundle
from bpc_ssh_guard.guardctl.install import install

from .client import PACKAGE, PYTHON, Client, contents, greeting, listing, run

if TYPE_CHECKING:
    from pathlib import Path

# FROM INTO UMASK, under whatever else the test varies.
BUNDLE = """
import os, sys
sys.path.insert(0, sys.argv[1])
os.umask(int(sys.argv[3], 8))
from bpc_ssh_guard.guardctl.bundle import bundle
bundle(sys.argv[2])
"""


def test_bundled_guard_serves_its_key(bundled: Path, client: Client) -> None:
    assert client.log_in([bundled / "bpc-ssh-guard"]) == greeting()


def test_bundled_guardctl_answers(bundled: Path) -> None:
    outcome = run([bundled / "bpc-ssh-guardctl", "--help"])
    assert (outcome.status, outcome.err) == (0, b"")


def test_returns_the_paths_it_wrote(tmp_path: Path) -> None:
    written = bundle(str(tmp_path / "into"))
    assert sorted(written) == [str(tmp_path / "into" / name) for name in listing(tmp_path / "into")]
    assert len(written) == 2


@pytest.mark.parametrize(
    ("umask", "zone", "locale", "where"),
    [("000", "UTC", "C", "."), ("077", "Asia/Kathmandu", "C.UTF-8", "elsewhere"),
     ("022", "America/St_Johns", "POSIX", "deeper/still")],
)
def test_bytes_do_not_depend_on_the_machine(bundled: Path, tmp_path: Path, umask: str, zone: str,
                                            locale: str, where: str) -> None:
    folder = tmp_path / where
    folder.mkdir(parents=True, exist_ok=True)
    done = run([PYTHON, "-IS", "-c", BUNDLE, PACKAGE.parent, "into", umask],
               environment={"TZ": zone, "LC_ALL": locale}, folder=folder)
    assert (done.status, done.err) == (0, b"")
    assert contents(folder / "into") == contents(bundled)
    assert {entry[0] for entry in listing(folder / "into").values()} == {"-rwxr-xr-x"}


def test_bytes_do_not_depend_on_the_dates_and_modes_of_the_sources(
    bundled: Path, tmp_path: Path
) -> None:
    for path, content in contents(PACKAGE).items():
        copy = tmp_path / "copy/bpc_ssh_guard" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        copy.chmod(0o700)
        os.utime(copy, (0, 0))
    run([PYTHON, "-IS", "-c", BUNDLE, tmp_path / "copy", tmp_path / "into", "022"])
    assert contents(tmp_path / "into") == contents(bundled)


def test_bundled_guardctl_bundles_the_same(bundled: Path, tmp_path: Path) -> None:
    run([PYTHON, "-IS", "-c", BUNDLE, bundled / "bpc-ssh-guardctl", tmp_path / "into", "022"])
    assert contents(tmp_path / "into") == contents(bundled)


def test_bundled_guardctl_installs_what_the_checkout_does(bundled: Path, tmp_path: Path) -> None:
    code = BUNDLE.replace("bundle import bundle", "install import install").replace(
        "bundle(sys.argv[2])", "install('/opt/packaged', destdir=sys.argv[2])")
    install("/opt/packaged", destdir=str(tmp_path / "checkout"))
    done = run([PYTHON, "-IS", "-c", code, bundled / "bpc-ssh-guardctl", tmp_path / "bundle",
                "022"])
    assert (done.status, done.err) == (0, b"")
    assert contents(tmp_path / "bundle") == contents(tmp_path / "checkout")


def test_replaces_a_bundle_in_use_at_once(tmp_path: Path) -> None:
    bundle(str(tmp_path))
    with open(tmp_path / "bpc-ssh-guard", "rb") as in_use:
        inode = os.fstat(in_use.fileno()).st_ino
        bundle(str(tmp_path))
        assert (tmp_path / "bpc-ssh-guard").stat().st_ino != inode
        assert in_use.read() == (tmp_path / "bpc-ssh-guard").read_bytes()


@pytest.mark.parametrize("name", ["bpc-ssh-guard", "bpc-ssh-guardctl"])
def test_holds_sources_of_one_date_only(bundled: Path, name: str) -> None:
    with zipfile.ZipFile(bundled / name) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.filename.rpartition(".")[2] for entry in entries} == {"py"}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_guard_carries_none_of_the_admins_programs(bundled: Path) -> None:
    with zipfile.ZipFile(bundled / "bpc-ssh-guard") as archive:
        rooms = {name.split("/")[1] for name in archive.namelist() if "/" in name}
    assert "guard.py" in rooms
    assert not rooms & {"cli", "guardctl", "__main__.py"}
