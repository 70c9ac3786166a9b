"""The pack of an installed guard: which modules are in it, and which are loaded at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .. import packed
from .clientpart import GUARD, ISOLATED, PACKAGE, pack_part
from .interpreter import run

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAGIC_SIZE: Final = 4  # bytes at the start of a .pyc, which name the Python that made it
_HEADER_SIZE: Final = 16  # of a .pyc; marshalled code follows (PEP 552)

# Tells the modules that {statements} import, each behind those that it imports itself.
_ORDER: Final = """
import sys
from importlib.machinery import SourceFileLoader
sys.path.insert(0, sys.argv[1])
load, loaded = SourceFileLoader.exec_module, []
def tell(self, module):
    load(self, module)
    loaded.append(module.__name__)
SourceFileLoader.exec_module = tell
{statements}
print(*loaded)
"""


def write_pack(tree: str, interpreter: str, tag: str, lock: int) -> None:
    """Put the guard's compiled modules into one file of TREE; TAG is in the names of the .pyc.

    INTERPRETER is the one that will run them; it holds LOCK too. Raises InstallError, OSError.
    """
    order = import_order(tree, interpreter, f"import {GUARD.module}", (lock,))
    with open(f"{tree}/{packed.FILE}", "xb") as file:
        file.write(pack_of(tree, tag, order))


def pack_of(tree: str, tag: str, order: Sequence[str]) -> bytes:
    """Return the pack of the modules in TREE, with those of it in ORDER to be loaded at once."""
    modules, magic = {}, b""
    for path in pack_part():
        with open(f"{tree}/{compiled(f'{PACKAGE}/{path}', tag)}", "rb") as file:
            pyc = file.read()
        magic = pyc[:_MAGIC_SIZE]
        name = f"{PACKAGE}/{path}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        modules[name] = f"{PACKAGE}/{path}", pyc[_HEADER_SIZE:]
    return packed.pack(magic, modules, [name for name in order if name in modules])


def import_order(
    tree: str, interpreter: str, statements: str, keep_open: tuple[int, ...] = ()
) -> list[str]:
    """Return the modules that STATEMENTS import from TREE, each behind those it needs itself."""
    script = _ORDER.format(statements=statements)
    return run(interpreter, ISOLATED, "-B", "-c", script, tree, keep_open=keep_open).split()


def compiled(module: str, tag: str) -> str:
    """Return the path of the .pyc of MODULE, a path, as the Python called TAG names it."""
    folder, file = os.path.split(module)
    return f"{folder}/__pycache__/{file.removesuffix('.py')}.{tag}.pyc"
