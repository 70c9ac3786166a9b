"""Put the client's part where sshd's forced command finds it, and take it away again.

Below PREFIX/lib/bpc-ssh-guard each installation has a folder of its own, VERSION-N, and the
launchers in PREFIX/sbin name that folder. An installation first completes a new folder and then
renames one new launcher after the other into place. So a guard that starts meanwhile, or after an
installation was killed at any step, runs wholly the old modules or wholly the new ones; and one
that is running keeps its folder until the installation after the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING, Final

from bpc_ssh_guard import __version__, packed

from .clientpart import (
    DEFAULT_INTERPRETER,
    ISOLATED,
    PACKAGE,
    PROGRAMS,
    client_part,
    first_line,
    start_text,
)
from .interpreter import require_interpreter, run
from .packing import compiled, write_pack
from .place import FOLDER, InstallError, Place, beside

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["InstallError", "install", "next_steps", "uninstall"]

# Proof that the new modules work, before anything starts from them.
_PATH: Final = "import sys; sys.path.insert(0, sys.argv[1])\n"
_USE: Final = f"from {PACKAGE} import packed; packed.use(sys.argv[1])\n"
_LOAD: Final = "".join(f"from {program.module} import main\n" for program in PROGRAMS)


def install(prefix: str, *, destdir: str = "", dry_run: bool = False,
            interpreter: str = DEFAULT_INTERPRETER) -> list[str]:
    """Install both programs below PREFIX; return the paths written.

    DESTDIR stands before every path written, for packages; the programs name PREFIX alone.
    """
    with _plain_errors(), _usual_umask():
        place = Place.from_options(prefix, destdir)
        tag = require_interpreter(interpreter)
        sources = client_part()
        if dry_run:
            return _paths(place, _next_tree(place), sources, tag)
        for folder in (place.lib, place.sbin):
            _make_folders(folder)
        place.require_closed()  # what was missing could have been made by others meanwhile
        with _locked(place.lib) as lock:
            _remove_trees(place, keep=place.trees_in_use())
            name = _next_tree(place)
            _make_tree(f"{place.lib}/{name}", sources, place.destdir, interpreter, tag, lock)
            _switch(place, name, interpreter)
        return _paths(place, name, sources, tag)


def uninstall(prefix: str, *, destdir: str = "", dry_run: bool = False) -> list[str]:
    """Remove what `install` put below PREFIX, launchers first; return the paths removed.

    Policy, log and authorized_keys stay: a key whose guard is gone can run nothing.
    """
    with _plain_errors():
        place = Place.from_options(prefix, destdir)
        names = [path for path in place.names if os.path.lexists(path)]
        removed = names + [f"{place.lib}/{name}" for name in sorted(place.trees())]
        if dry_run or not os.path.isdir(place.lib):
            return removed
        with _locked(place.lib):
            for path in (*names, *map(beside, place.names)):
                _unlink(path)
            _remove_trees(place, keep=set())
            with contextlib.suppress(OSError):  # not empty: somebody keeps something here
                os.rmdir(place.lib)
        return removed


def next_steps(prefix: str) -> str:
    """Return what is left to do after an installation: /etc and /var are the admin's."""
    guardctl = f"{prefix.rstrip('/')}/sbin/bpc-ssh-guardctl"
    return (
        "Next:\n"
        "  1. write /etc/bpc-ssh-guard/policy: see bpc-ssh-guard-policy(5)\n"
        f"  2. {guardctl} log init: begin the command log, and give its key to the auditor\n"
        f"  3. {guardctl} authorize: compose the key's line for authorized_keys\n"
        f"  4. {guardctl} check: see what is still missing or open\n"
    )


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = "; run this as root" if isinstance(error, PermissionError) else ""
        raise InstallError(f"{error.filename}: {error.strerror}{advice}") from None


@contextlib.contextmanager
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _make_folders(path: str) -> None:
    if not os.path.isdir(path):
        _make_folders(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):  # another installation was quicker
            os.mkdir(path)
            _settle(path, 0o755)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[int]:
    """Hold FOLDER against another installation; the kernel lets go of it when we are killed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _next_tree(place: Place) -> str:
    return f"{__version__}-{max(place.trees().values(), default=0) + 1}"


def _remove_trees(place: Place, keep: set[str]) -> None:
    for name in sorted(place.trees().keys() - keep):
        shutil.rmtree(f"{place.lib}/{name}")


def _make_tree(tree: str, sources: dict[str, bytes], destdir: str, interpreter: str, tag: str,
               lock: int) -> None:
    """Make the folder TREE with the client's part, compiled, proved to load, and on the disk."""
    try:
        for name, source in sources.items():
            path = f"{tree}/{PACKAGE}/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(source)
        _compile(tree, destdir, interpreter, lock)
        write_pack(tree, interpreter, tag, lock)
        _prove(tree, interpreter, lock)
        for folder, _, names in os.walk(tree, topdown=False):
            for name in names:
                _settle(f"{folder}/{name}", 0o644)
            _settle(folder, 0o755)
    except BaseException:
        shutil.rmtree(tree, ignore_errors=True)
        raise


def _compile(tree: str, destdir: str, interpreter: str, lock: int) -> None:
    """Write the .pyc of the modules in TREE, made by the interpreter that will read them.

    unchecked-hash: they hold no times, so a package has the same bytes whenever it is built, and
    they stay valid when dpkg, rsync or a restore gives the sources other times; with times in them
    every start would then compile everything, at many times the cost. The price: an edited
    source has no effect until the next installation, and that brings its own.
    """
    strip = ("-s", destdir, "-p", "/") if destdir else ()
    # Both hold the lock too: should we be killed, the next installation waits for them to end.
    # -sS and not -IS, for PYTHONHASHSEED to count. The environment is ours, and in the working
    # folder, /, only root can plant a module.
    run(interpreter, "-sS", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
        *strip, tree, keep_open=(lock,))


def _prove(tree: str, interpreter: str, lock: int) -> None:
    """Prove that the modules in TREE load, found one by one and from the pack."""
    for use in ("", _USE):
        run(interpreter, ISOLATED, "-B", "-c", _PATH + use + _LOAD, tree, keep_open=(lock,))


def _settle(path: str, mode: int) -> None:
    """Give PATH its owner and MODE and bring it to the disk."""
    if os.geteuid() == 0:
        os.chown(path, 0, 0)  # the group too: a set-group-id folder hands on its own
    os.chmod(path, mode)
    _flush(path)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _switch(place: Place, name: str, interpreter: str) -> None:
    """Put the new launchers, then the package's link, in place of the old."""
    _settle(place.lib, 0o755)  # the folder's name must be on the disk before the launchers
    for path in place.names:
        _unlink(beside(path))
    for program, launcher in zip(PROGRAMS, place.launchers):
        text = start_text(program, f"{place.prefix}/{FOLDER}/{name}", interpreter)
        with open(beside(launcher), "x", encoding="ascii") as file:
            file.write(first_line(interpreter) + text)
        _settle(beside(launcher), 0o755)
        os.rename(beside(launcher), launcher)
    os.symlink(f"{name}/{PACKAGE}", beside(place.package_link))
    os.rename(beside(place.package_link), place.package_link)
    for folder in (place.lib, place.sbin):
        _flush(folder)


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _paths(place: Place, name: str, sources: dict[str, bytes], tag: str) -> list[str]:
    tree = f"{place.lib}/{name}"
    modules = [f"{tree}/{PACKAGE}/{module}" for module in sources]
    return [*modules, *(compiled(module, tag) for module in modules), f"{tree}/{packed.FILE}",
            *place.names]
