"""The programs of ansible-core that came with this Python, run below a folder of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.host import CHECKOUT
from tests.lab.process import Done, require, run

if TYPE_CHECKING:
    from collections.abc import Mapping

COLLECTION = Path(CHECKOUT) / "ansible"
INVENTORY = COLLECTION / "inventory" / "bpc_clients"
BIN = Path(sys.executable).parent  # of the virtual environment, whose Python may be a link
LIMIT = 300.0


def program(name: str) -> str:
    """Return the path of the console script NAME, which pip put beside this Python."""
    path = BIN / name
    if not path.exists():
        raise RuntimeError(f"{path} is missing; install it with: pip install -e '.[dev]'")
    return str(path)


def ansible(
    name: str, *words: str, folder: Path, env: Mapping[str, str] | None = None
) -> Done[bytes]:
    """Run the program NAME with WORDS; its files are below FOLDER, and no configuration counts."""
    config = folder / "ansible.cfg"
    config.touch()
    own = {
        "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(folder / "ansible-home"), "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible-local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "ansible-remote"),
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_CONFIG": str(config), "BPC_SSH_KEYS": program("bpc-ssh-keys"),
    }
    return run([program(name), *words], env={**own, **(env or {})}, limit=LIMIT, cwd=str(folder))


def install_collection(folder: Path) -> None:
    """Build the collection and install it below FOLDER, as ansible-galaxy does offline."""
    built = ("collection", "build", str(COLLECTION), "--output-path", str(folder))
    require(ansible("ansible-galaxy", *built, folder=folder))
    (archive,) = folder.glob("*.tar.gz")
    require(ansible("ansible-galaxy", "collection", "install", "--offline", str(archive),
                    "-p", str(folder / "collections"), folder=folder))
