"""A small fleet, written once, and its records as Python reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import fleet

if TYPE_CHECKING:
    from pathlib import Path


class Written:
    """The files of a fleet and all of its records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = fleet.write(str(folder), 4000, machines=4, seed=7)
        self.records: list[dict[str, Any]] = []
        for name in self.files:
            with open(name, encoding="ascii") as file:
                self.records += map(json.loads, file)


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Written:
    return Written(tmp_path_factory.mktemp("fleet"))
