"""Which modules a client gets: found in the package's folder, not listed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpc_ssh_guard.guardctl.clientpart import client_part

from .client import PACKAGE, PYTHON, copy_of_package, run

if TYPE_CHECKING:
    from pathlib import Path

NAMES = """
import sys
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard.guardctl.clientpart import client_part
print(*client_part(), sep="\\n")
"""


ROOMS = ("keys", "audit", "posture", "backuppc", "page")
SERVER = tuple(f"{above}{room}" for room in ROOMS for above in ("", "cli/"))


def test_client_gets_every_module_but_those_of_build_time_and_of_the_server() -> None:
    modules = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    left_out = {name for name in modules - set(client_part())
                if not name.startswith(tuple(f"{each}/" for each in SERVER))}
    assert left_out == {"confine/compile.py", "confine/syscalls.py", "grammar/compile.py"}


def test_package_holds_nothing_that_an_installation_would_lose() -> None:
    """Modules are installed, grammars are compiled into tables; a third kind needs a decision."""
    kinds = {path.suffix for path in PACKAGE.rglob("*")
             if path.is_file() and path.parent.name != "__pycache__"
             and not str(path.relative_to(PACKAGE)).startswith(SERVER)}
    assert kinds <= {".py", ".lark"}


def test_modules_come_as_they_are_in_the_order_of_their_names() -> None:
    assert list(client_part()) == sorted(client_part())
    assert all((PACKAGE / name).read_bytes() == source for name, source in client_part().items())


def test_client_gets_no_room_of_the_server(tmp_path: Path) -> None:
    copy = copy_of_package(tmp_path)
    server = {f"{room}/inner/store.py" for room in ROOMS}
    server |= {f"cli/{room}.py" for room in ("keys", "audit", "posture")}
    server |= {f"cli/{room}/inner.py" for room in ("keys", "audit", "posture")}
    clients = {"keyagent/serve.py", "policy/keys.py", "record/audit.py", "cli/doctor.py",
               "cli/guardctl/keys.py"}
    for name in server | clients:
        (copy / "bpc_ssh_guard" / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / "bpc_ssh_guard" / name).write_text('"""A module."""\n')
    names = set(run([PYTHON, "-IS", "-c", NAMES, copy]).out.decode().split())
    assert names == set(client_part()) | clients
