"""A file is replaced whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

from bpc_ssh_guard.keys.durable import replace

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_whole_and_what_was_left_beside_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "stanza"
    (tmp_path / "stanza.new").write_text("of a killed run")
    replace(path, b"one", 0o640)
    replace(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(tmp_path) == ["stanza"]


def test_a_file_that_cannot_be_written_to_its_end_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "stanza"
    replace(path, b"old", 0o640)
    script = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from bpc_ssh_guard.keys.durable import replace\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"  # the first 100 are written
        "try:\n    replace(Path(sys.argv[1]), b'x' * 200, 0o640)\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], text=True,
                          capture_output=True, check=True)
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["stanza"]
