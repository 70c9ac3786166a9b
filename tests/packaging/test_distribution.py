"""The wheel and the sdist, as pip and the index's users meet them; these need the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import __version__
from tests.lab.ansible.tools import program

from .client import PACKAGE, run

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.lab

PROJECT = PACKAGE.parent
IN_THE_PROJECT = ("bpc_ssh_guard", "ansible", "man", "systemd", "setup.cfg", "pyproject.toml",
                  "README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "authorized_keys.example")
SECONDS = 600


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a fresh virtual environment that can build."""
    folder = tmp_path_factory.mktemp("virtual")
    _require([sys.executable, "-m", "venv", folder])
    _require([folder / "bin/python", "-m", "pip", "install", "-q", "build"])
    return folder / "bin"


@pytest.fixture(scope="module")
def built(virtual: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the sdist of a clean checkout and the wheel made from that sdist."""
    project = tmp_path_factory.mktemp("project")
    for name in IN_THE_PROJECT:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project)
    out = tmp_path_factory.mktemp("built")
    _require([virtual / "python", "-m", "build", "--outdir", out, project])
    return out


@pytest.fixture(scope="module")
def pip_installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a fresh virtual environment that holds the wheel."""
    folder = tmp_path_factory.mktemp("installed-by-pip")
    _require([sys.executable, "-m", "venv", folder])
    (wheel,) = built.glob("*.whl")
    _require([folder / "bin/python", "-m", "pip", "install", "-q", "--no-index", wheel])
    return folder / "bin"


def _require(argv: Sequence[str | Path], **environment: str) -> None:
    subprocess.run([str(word) for word in argv], check=True, timeout=SECONDS,
                   stdin=subprocess.DEVNULL, cwd="/", env={**os.environ, **environment})


def _sources(suffix: str) -> set[str]:
    return {str(path.relative_to(PROJECT)) for path in PACKAGE.rglob(f"*{suffix}")}


def _collection() -> set[str]:
    files = (path for path in (PROJECT / "ansible").rglob("*") if path.is_file())
    return {str(path.relative_to(PROJECT)) for path in files if "__pycache__" not in path.parts}


def test_wheel_holds_every_module_table_grammar_and_query(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert _sources(".py") | _sources(".lark") | _sources(".sql") <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_wheel_holds_the_manual_pages(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name).name for name in archive.namelist() if "/share/man/" in name}
    assert names == {path.name for path in (PROJECT / "man").iterdir()}


def test_wheel_holds_the_collection_as_ansible_galaxy_installs_it(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = [name.partition("/share/bpc-ssh-guard/") for name in archive.namelist()]
    assert {path for _, here, path in found if here} == _collection()


def test_wheel_needs_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"bpc_ssh_guard-{__version__}.dist-info/METADATA").decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert [line for line in required if "extra ==" not in line] == []


def test_sdist_holds_what_the_wheel_is_built_from(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"systemd/{path.name}" for path in (PROJECT / "systemd").iterdir()} <= names
    assert _sources(".py") | _sources(".lark") | {"setup.cfg", "README.md", "LICENSE"} <= names
    assert {f"man/{path.name}" for path in (PROJECT / "man").iterdir()} <= names
    assert _collection() <= names


def test_ansible_galaxy_installs_the_collection_from_where_pip_has_put_it(
    pip_installed: Path, tmp_path: Path
) -> None:
    source = pip_installed.parent / "share/bpc-ssh-guard/ansible"
    _require([program("ansible-galaxy"), "collection", "install", "--offline", source,
              "-p", tmp_path], ANSIBLE_HOME=str(tmp_path / "home"))
    installed = tmp_path / "ansible_collections/bpc/ssh_guard"
    assert json.loads((installed / "MANIFEST.json").read_text())["collection_info"]["version"] == (
        __version__)
    assert os.access(source / "inventory/bpc_clients", os.X_OK)


def test_module_runs_where_pip_installed_it(pip_installed: Path) -> None:
    outcome = run([pip_installed / "python", "-m", "bpc_ssh_guard", "guardctl", "--help"])
    assert (outcome.status, outcome.err) == (0, b"")


def test_pip_offers_guardctl_and_no_guard(pip_installed: Path) -> None:
    """A console script runs without -I, so sshd must never find the guard as one."""
    assert run([pip_installed / "bpc-ssh-guardctl", "--help"]).status == 0
    assert not (pip_installed / "bpc-ssh-guard").exists()
