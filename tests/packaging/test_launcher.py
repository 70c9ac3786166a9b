"""The launchers: isolated from whatever an account can set or plant, and quick to start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import packed
from bpc_ssh_guard.guardctl.install import install

from .client import (
    PYTHON,
    Client,
    Outcome,
    greeting,
    guard_of,
    guardctl_of,
    listing,
    run,
    trees_of,
)
from .hostile import VARIABLES, Trap

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("bpc-ssh-guard", "bpc-ssh-guardctl")
TELL = """
import bpc_ssh_guard.guard, bpc_ssh_guard.profiles, bpc_ssh_guard.confine.masks
for name, module in sorted(sys.modules.items()):
    if name.startswith("bpc_ssh_guard.") and name != "bpc_ssh_guard.packed":
        print(name, module.__file__, module.__package__, *getattr(module, "__path__", ()))
"""
USE = "from bpc_ssh_guard import packed; packed.use(sys.path[0])"
COMMAND = "rsync --server --sender -logDtpre.iLsfxCIvu . /etc/"
PACKED = ("command", "confine", "policy", "record")
FORMS = ("launcher", "bundle")


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap.plant(tmp_path / "trap")


@pytest.fixture(params=FORMS)
def programs(request: pytest.FixtureRequest, installed: Path, bundled: Path) -> Path:
    """The folder with both programs, in each installed form."""
    return installed / "sbin" if request.param == "launcher" else bundled


def test_trap_is_sprung_by_an_interpreter_that_is_not_isolated(trap: Trap) -> None:
    run([PYTHON, "-c", "import bpc_ssh_guard"], environment={"PYTHONPATH": str(trap.folder)})
    assert trap.mark.exists()


def test_trap_is_sprung_from_the_working_folder(trap: Trap) -> None:
    run([PYTHON, "-c", "import bpc_ssh_guard"], folder=trap.folder)
    assert trap.mark.exists()


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_changes_the_guard(name: str, programs: Path, trap: Trap,
                                       client: Client) -> None:
    environment = {name: trap.environment[name]}
    assert client.log_in([programs / NAMES[0]], environment=environment) == greeting()
    assert not trap.mark.exists()


def test_all_variables_and_the_working_folder_together_change_nothing(
    programs: Path, trap: Trap, client: Client
) -> None:
    outcome = client.log_in([programs / NAMES[0]], environment=trap.environment,
                            folder=trap.folder)
    assert outcome == greeting()
    assert not trap.mark.exists()


def test_guardctl_is_isolated_too(programs: Path, trap: Trap) -> None:
    plain = run([programs / NAMES[1], "--help"])
    hostile = run([programs / NAMES[1], "--help"], environment=trap.environment,
                  folder=trap.folder)
    assert hostile == plain
    assert not trap.mark.exists()


def test_virtual_environment_around_the_working_folder_changes_nothing(
    programs: Path, trap: Trap, client: Client
) -> None:
    (trap.folder / "pyvenv.cfg").write_text(f"home = {trap.folder}\n")
    assert client.log_in([programs / NAMES[0]], folder=trap.folder) == greeting()
    assert not trap.mark.exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [[], ["-E"], ["-S"], ["-s", "-E", "-S"]], ids=" ".join)
def test_refuses_to_run_when_not_isolated(programs: Path, name: str, options: list[str]) -> None:
    outcome = run([PYTHON, *options, programs / name, "--help"])
    advice = "run the file itself, or /usr/bin/python3 -IS with its path"
    said = f"{name}: not isolated from the environment; {advice}\n"
    assert outcome == Outcome(125, b"", said.encode())


def test_runs_as_the_refusal_advises(programs: Path, client: Client) -> None:
    assert client.log_in([PYTHON, "-IS", programs / NAMES[0]]) == greeting()


@pytest.mark.parametrize("name", NAMES)
def test_first_line_isolates_and_the_rest_fits_a_glance(installed: Path, name: str) -> None:
    text = (installed / "sbin" / name).read_text()
    assert text.startswith("#!/usr/bin/python3 -IS\n")
    assert len(text.splitlines()) <= 12


def test_search_path_gains_the_installation_and_nothing_else(
    prefix: Path, client: Client
) -> None:
    install(str(prefix))
    (tree,) = trees_of(prefix)
    _shout(tree / "bpc_ssh_guard/guard.py", "import sys; print(*sys.path, sep='\\n')")
    plain = run([PYTHON, "-IS", "-c", "import sys; print(*sys.path, sep='\\n')"])
    outcome = run([guard_of(prefix)])
    assert outcome.out == f"{tree}\n".encode() + plain.out


def test_loads_every_module_from_its_pyc(prefix: Path, client: Client) -> None:
    """The sources are useless by now, so whatever runs comes from the compiled files."""
    install(str(prefix))
    for source in trees_of(prefix)[0].rglob("*.py"):
        source.write_text("raise SystemExit(77)\n")
        os.utime(source, (0, 0))
    assert client.log_in([guard_of(prefix)]) == greeting()
    assert run([guardctl_of(prefix), "--help"]).status == 0


def test_writes_no_pyc_when_run_by_a_newer_python(prefix: Path, client: Client) -> None:
    """As after an upgrade of python3, none of the compiled files fits."""
    install(str(prefix))
    _make_others(prefix)
    for pyc in prefix.rglob("*.pyc"):
        pyc.unlink()
    before = listing(prefix)
    assert client.log_in([guard_of(prefix)]) == greeting()
    assert run([guardctl_of(prefix), "--help"]).status == 0
    assert listing(prefix) == before


def test_guard_takes_what_a_backup_needs_from_its_pack(prefix: Path, client: Client) -> None:
    """Else the search for modules that it saves would still be made."""
    install(str(prefix))
    for name in PACKED:
        for form in (trees_of(prefix)[0] / "bpc_ssh_guard" / name).rglob("*.py*"):
            form.unlink()
    refused = run([guard_of(prefix), *client.arguments],
                  environment={"SSH_ORIGINAL_COMMAND": COMMAND})
    assert refused.err == b"bpc-ssh-guard: refused (outside-roots)\n"


def test_what_every_login_needs_is_loaded_at_once_and_nothing_else(prefix: Path) -> None:
    install(str(prefix))
    (tree,) = trees_of(prefix)
    main = "import bpc_ssh_guard.guard"
    names = [_ours_after(tree, text) for text in (USE, f"{USE}\n{main}", main)]
    assert names[0] == names[1] == names[2] | {"bpc_ssh_guard.packed"}
    assert "bpc_ssh_guard.record.sink" in names[0]
    assert "bpc_ssh_guard.confine.masks" not in names[0]


@pytest.mark.parametrize("without", ["none", "another Python's"])
def test_guard_runs_without_a_pack_that_fits(
    prefix: Path, client: Client, without: str
) -> None:
    install(str(prefix))
    if without == "none":
        (trees_of(prefix)[0] / packed.FILE).unlink()
    else:
        _make_others(prefix)
    assert client.log_in([guard_of(prefix)]) == greeting()


def test_modules_from_the_pack_know_their_files(prefix: Path) -> None:
    """The guard masks its own folder, and finds it by them."""
    install(str(prefix))
    (tree,) = trees_of(prefix)
    packed_and_not = [
        run([PYTHON, "-IS", "-c", f"import sys; sys.path.insert(0, {str(tree)!r})\n{use}{TELL}"])
        for use in ("", f"{USE}\n")
    ]
    assert packed_and_not[0] == packed_and_not[1]
    assert str(tree / "bpc_ssh_guard/confine/masks.py").encode() in packed_and_not[0].out


def test_running_changes_nothing_that_is_installed(installed: Path, client: Client) -> None:
    before = listing(installed)
    client.log_in([guard_of(installed)])
    run([guardctl_of(installed), "--help"])
    assert listing(installed) == before


def test_hands_the_arguments_on_unchanged(prefix: Path) -> None:
    install(str(prefix))
    (tree,) = trees_of(prefix)
    _shout(tree / "bpc_ssh_guard/guard.py",
           "def main(argv):\n    print(ascii(argv), flush=True)\n    return 7\n")
    argv = ["", "-x", "--policy", "a b", "\udcff"]
    assert run([guard_of(prefix), *argv]) == Outcome(7, f"{argv!a}\n".encode(), b"")


def _ours_after(tree: Path, statements: str) -> set[str]:
    """Return our modules that are loaded once STATEMENTS were run from TREE."""
    script = f"import sys; sys.path.insert(0, {str(tree)!r})\n{statements}\nprint(*sys.modules)"
    told = run([PYTHON, "-IS", "-c", script])
    return {name for name in told.out.decode().split() if name.startswith("bpc_ssh_guard")}


def _make_others(prefix: Path) -> None:
    """Make the pack one that another Python wrote."""
    pack = trees_of(prefix)[0] / packed.FILE
    content = bytearray(pack.read_bytes())
    content[0] ^= 1
    pack.write_bytes(content)


def _shout(module: Path, text: str) -> None:
    """Put TEXT in place of MODULE and of its compiled forms."""
    module.write_text(text)
    (module.parents[1] / packed.FILE).unlink()
    for pyc in (module.parent / "__pycache__").glob(f"{module.stem}.*"):
        pyc.unlink()
