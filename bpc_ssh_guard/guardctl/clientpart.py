"""What a client gets: its part of the package, and the text that starts a program from it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bpc_ssh_guard.exits import GUARD_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.abc import Traversable

PACKAGE: Final = "bpc_ssh_guard"
# The forced command names no interpreter options, so the first line must: -I shuts out PYTHONPATH,
# PYTHONSTARTUP, the working folder and the user's site-packages; -S the machine's site-packages.
ISOLATED: Final = "-IS"
DEFAULT_INTERPRETER: Final = "/usr/bin/python3"
OLDEST_PYTHON: Final = (3, 9)

# Everything in the package folder is the client's but this.
_SERVER_ROOMS: Final = frozenset({"keys", "audit", "posture", "backuppc", "page"})
_BUILD_TIME: Final = frozenset(
    {"grammar/compile.py", "confine/compile.py", "confine/syscalls.py"}
)
# The guard itself needs nothing from the rooms of the admin's programs.
_ADMIN_ROOMS: Final = frozenset({"cli", "guardctl", "duration", "__main__"})
# Nor, for a backup or a restore, these; and what `packed` itself takes to be imported.
_OTHER_PURPOSES: Final = frozenset({"authorized_keys", "keyagent", "logagent", "closed"})
_OTHER_GRAMMARS: Final = frozenset({"grammar/tables/keyadmin.py", "grammar/tables/logverbs.py"})
_LAST_USE: Final = frozenset({"keyagent/__init__.py", "keyagent/proofs.py"})
_BEFORE_THE_PACK: Final = frozenset({"__init__.py", "packed.py"})


@dataclass(frozen=True)
class Program:
    """A program of the client: its name, the module of its `main`, the lines that run it.

    `installed` come before them where the modules are a tree on the disk, `first` before all that
    imports anything of ours; `imports` are what all of the text needs.
    """

    name: str
    module: str
    lines: tuple[str, ...]
    installed: tuple[str, ...] = ()
    imports: str = "sys"
    first: tuple[str, ...] = ()


# The guard starts at every connection, so its lines save what they can. To take down an interpreter
# that the kernel discards anyway costs a quarter of a bare start: it leaves by _exit, and as its
# output goes through os.write, no buffer is lost. Its imports cost a twentieth less without the
# collector, and there are no cycles worth collecting; a quarter less from one file.
GUARD: Final = Program(
    "bpc-ssh-guard",
    f"{PACKAGE}.guard",
    (f"from {PACKAGE}.guard import main", "os._exit(main(sys.argv[1:]))"),
    (f"from {PACKAGE} import packed", "packed.use(sys.path[0])"),
    "gc, os, sys",
    ("gc.disable()",),
)
GUARDCTL: Final = Program(
    "bpc-ssh-guardctl",
    f"{PACKAGE}.cli.guardctl",
    (f"from {PACKAGE}.cli.guardctl import main", "sys.exit(main(sys.argv[1:]))"),
)
PROGRAMS: Final = (GUARD, GUARDCTL)


def client_part() -> dict[str, bytes]:
    """Return the source of each module a client needs, by its path in the package, sorted."""
    return {name: module.read_bytes() for name, module in sorted(_modules(files(PACKAGE), ""))
            if _is_clients(name)}


def guard_part() -> dict[str, bytes]:
    """Return those modules of the client's part that the guard itself may import."""
    return {name: source for name, source in client_part().items()
            if name.split("/")[0].removesuffix(".py") not in _ADMIN_ROOMS}


def pack_part() -> list[str]:
    """Return those of them that a backup or a restore may import: what is worth a pack."""
    return [name for name in guard_part()
            if (name.split("/")[0].removesuffix(".py") not in _OTHER_PURPOSES or name in _LAST_USE)
            and name not in _OTHER_GRAMMARS | _BEFORE_THE_PACK]


def start_text(program: Program, tree: str = "", interpreter: str = DEFAULT_INTERPRETER) -> str:
    """Return the Python text that starts PROGRAM from the modules in TREE, or from its own archive.

    Short, because no .pyc is kept of it: it is compiled at every start.
    """
    lines = [
        f"import {program.imports}",
        "if not sys.flags.isolated:",
        f"    sys.stderr.write({_not_isolated(program, interpreter)!r})",
        f"    sys.exit({GUARD_FAILED})",
        *program.first,
    ]
    if tree:
        # A newer python3 than the one that made the .pyc compiles in memory and writes nothing.
        lines += ["sys.dont_write_bytecode = True", f"sys.path.insert(0, {tree!r})"]
        lines += program.installed
    else:
        # `install` asks the interpreter beforehand; an archive meets it here for the first time.
        lines += [
            f"if sys.version_info < {OLDEST_PYTHON}:",
            f"    sys.stderr.write({_too_old(program)!r})",
            f"    sys.exit({GUARD_FAILED})",
        ]
    return "\n".join([*lines, *program.lines, ""])


def first_line(interpreter: str = DEFAULT_INTERPRETER) -> str:
    """Return the line by which the kernel finds INTERPRETER."""
    return f"#!{interpreter} {ISOLATED}\n"


def _not_isolated(program: Program, interpreter: str) -> str:
    return (f"{program.name}: not isolated from the environment; "
            f"run the file itself, or {interpreter} {ISOLATED} with its path\n")


def _too_old(program: Program) -> str:
    return f"{program.name}: {python_needed()}\n"


def python_needed() -> str:
    """Return the sentence for an interpreter that is too old."""
    return "Python {}.{} or later is needed".format(*OLDEST_PYTHON)


def _modules(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    """Yield the Python sources below FOLDER; it may be a folder or lie in an archive."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name, entry


def _is_clients(name: str) -> bool:
    room, _, inner = name.partition("/")
    if room == "cli":  # one module or package per program
        room = inner.partition("/")[0]
    return room.removesuffix(".py") not in _SERVER_ROOMS and name not in _BUILD_TIME
