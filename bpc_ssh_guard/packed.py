"""The guard's modules from one file: a fifth of the start was spent on finding and importing each.

What every login needs is loaded at once, in an order in which each module finds those that it
imports; what only some need is found here when it is imported. `guardctl install` writes the file
beside the modules. Where it is missing, or made by another Python than the one that runs, all are
found one by one as ever. It is believed as a .pyc is: who can write it can write the modules.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec  # what importlib.machinery has, without its import
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType
    from typing import Final, Optional

    # Of a module: path below the tree, offset and size of its code
    Place = tuple[str, int, int]
    Index = Mapping[str, Place]
else:
    ModuleType = type(sys)  # what types has, without its import

FILE: Final = "guard.pack"

# The file: magic number of the Python that made the code, size of what is next, the places of all
# modules, the code of those that are loaded at once, and that of the others.
_SIZE_BYTES: Final = 4
_HEADER: Final = len(MAGIC_NUMBER) + _SIZE_BYTES
# For the places, which are no code: the last format that every Python reads.
_FORMAT: Final = 2


def use(tree: str) -> None:
    """Load what is needed at once from the pack in the folder TREE, and import the rest from it.

    Without a fitting pack nothing is done.
    """
    try:
        file = os.open(f"{tree}/{FILE}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    header = os.read(file, _HEADER)
    if header[: len(MAGIC_NUMBER)] != MAGIC_NUMBER:
        os.close(file)
        return
    size = int.from_bytes(header[len(MAGIC_NUMBER) :], "little")
    at_once, index, length = marshal.loads(os.read(file, size))  # noqa: S302 - our own, as a .pyc
    code = os.read(file, length)
    sys.meta_path.insert(0, Pack(tree, file, _HEADER + size, index))
    for name, (path, offset, size) in at_once:
        _load(name, f"{tree}/{path}", code[offset : offset + size])


def _load(name: str, file: str, code: bytes) -> None:
    """Make the module NAME, whose source is FILE, of its CODE, as an import of it does."""
    module = ModuleType(name)
    above, _, last = name.rpartition(".")
    module.__file__ = file
    if file.endswith("/__init__.py"):
        module.__package__, module.__path__ = name, [file[: file.rindex("/")]]
    else:
        module.__package__ = above
    sys.modules[name] = module
    setattr(sys.modules[above], last, module)
    exec(marshal.loads(code), module.__dict__)  # noqa: S102, S302 - what an import is


def stop() -> None:
    """Import from now on as if there were no pack.

    To be called before descriptors are closed that are not one's own: another file could get the
    pack's number, and be run.
    """
    for finder in sys.meta_path:
        if isinstance(finder, Pack):
            sys.meta_path.remove(finder)
            finder.close()
            return


def pack(
    magic: bytes, modules: Mapping[str, tuple[str, bytes]], at_once: Sequence[str]
) -> bytes:
    """Return the content of a pack of MODULES: path below the tree and marshalled code by name.

    MAGIC names the Python that made the code: the first bytes of its .pyc (PEP 552). AT_ONCE are
    the modules to be loaded by `use`, each behind those that it imports.
    """
    others = [name for name in modules if name not in at_once]
    places, code, length = {}, b"", 0
    for name in (*at_once, *others):
        path, each = modules[name]
        places[name] = path, len(code), len(each)
        code += each
        length = len(code) if name in at_once else length
    first = [(name, places[name]) for name in at_once]
    head = marshal.dumps((first, {name: places[name] for name in others}, length), _FORMAT)
    return magic + len(head).to_bytes(_SIZE_BYTES, "little") + head + code


class Pack:
    """Finder and loader (importlib.abc) of the modules in the open FILE, made for the folder TREE.

    Their code, of which INDEX tells, begins at START.
    """

    __slots__ = ("_file", "_index", "_start", "_tree")

    def __init__(self, tree: str, file: int, start: int, index: Index) -> None:
        self._tree: Final = tree
        self._file: Final = file
        self._start: Final = start
        self._index: Final = index

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> Optional[ModuleSpec]:
        """Return where module NAME is from, None for one that is not in the pack."""
        found = self._index.get(name)
        if found is None:
            return None
        path = f"{self._tree}/{found[0]}"
        is_package = path.endswith("/__init__.py")
        spec = ModuleSpec(name, self, origin=path, is_package=is_package)  # type: ignore[arg-type]
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(path[: path.rindex("/")])
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leave it to the interpreter, as None does."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the code of MODULE, which finds its folder by __file__ as ever."""
        path, offset, size = self._index[module.__name__]
        module.__file__ = f"{self._tree}/{path}"
        code = os.pread(self._file, size, self._start + offset)
        exec(marshal.loads(code), module.__dict__)  # noqa: S102, S302 - what an import is
