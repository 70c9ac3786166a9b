"""The collection as ansible-galaxy builds it, and its role as ansible-doc tells it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bpc_ssh_guard import __version__
from tests.lab.process import require

from .tools import COLLECTION, ansible, install_collection

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

ROLE = COLLECTION / "roles" / "guard"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the collection installed below it."""
    folder = tmp_path_factory.mktemp("collection")
    install_collection(folder)
    return folder


def test_the_collection_that_is_built_has_every_file_and_the_packages_version(folder: Path) -> None:
    installed = folder / "collections" / "ansible_collections" / "bpc" / "ssh_guard"
    manifest = json.loads((installed / "MANIFEST.json").read_text())
    assert manifest["collection_info"]["version"] == __version__
    own = {"MANIFEST.json", "FILES.json"}
    assert _files(installed) - own == _files(COLLECTION) - {"galaxy.yml"}


def test_every_variable_of_the_role_is_told_with_its_default(folder: Path) -> None:
    done = require(ansible("ansible-doc", "-t", "role", "--json", "bpc.ssh_guard.guard",
                           folder=folder))
    told: dict[str, Any] = json.loads(done.stdout)["bpc.ssh_guard.guard"]["entry_points"]["main"]
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert told["options"].keys() == defaults.keys()
    plain = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    assert {name: told["options"][name]["default"] for name in plain} == plain


def _files(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}
