"""The canaries: what a backup or a restore must not be able to do, and the little that it must.

Each is one attempt, with the errors that the layers of confinement answer it with.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import stat
from dataclasses import dataclass
from errno import EACCES, ENODATA, ENOENT, EPERM, EROFS
from functools import partial
from typing import TYPE_CHECKING, Final, Optional

from ...command.paths import is_beneath
from ...confine import kernel
from ...confine.namespaces import MNT_DETACH
from ...vocabulary import Operation
from ..explain import printable
from .child import run_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .outside import Outside

_AT_FDCWD: Final = -100
_HANDLE_BYTES: Final = 128  # MAX_HANDLE_SZ
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Canary:
    """One ATTEMPT: the `errors` that refuse it, none where it must succeed; `layers` that do so.

    One layer is enough; landlock:6 is its version 6 or later. Unless it is `harmless`, it is not
    attempted where no layer refuses. `undo` takes back, outside the child, what it may have left.
    """

    name: str
    words: str
    attempt: Callable[[], object]
    errors: tuple[int, ...] = ()
    layers: tuple[str, ...] = ()
    harmless: bool = True
    undo: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Scene:
    """What there is to try the canaries on; `real_roots` lie at no symbolic link."""

    operation: str
    roots: tuple[bytes, ...]
    real_roots: tuple[bytes, ...]
    masked: tuple[bytes, ...]
    in_jail: bool
    outside: Optional[Outside]

    @property
    def writable(self) -> bool:
        return self.operation == Operation.RESTORE


def canaries(scene: Scene) -> Iterator[Canary]:
    """Yield the canaries for SCENE, in the order to take them: the shell comes last."""
    for root in scene.roots:
        yield from _of_restore_root(root) if scene.writable else _of_backup_root(root)
    yield from _of_outside(scene)
    if scene.masked:
        yield from _of_masks(scene)
    yield from _of_system(scene.writable)
    yield Canary("execute", "execute /bin/sh", run_shell, (EACCES,), ("landlock", "seccomp"))


def _of_backup_root(root: bytes) -> Iterator[Canary]:
    shown, new = printable(root), _unique(root)
    yield _list(root)
    if os.path.isdir(root):
        yield Canary(
            "create-in-root", f"create a file in {shown}", partial(_create, new),
            (EPERM, EACCES, EROFS), ("landlock", "ns"), False, partial(_remove, new),
        )
    if os.path.exists(root):
        mode = stat.S_IMODE(os.stat(root).st_mode)
        yield Canary(  # to the mode it has: even success would change no more than its ctime
            "chmod-root", f"change the mode of {shown}", partial(os.chmod, root, mode),
            (EPERM, EROFS), ("seccomp", "ns"), False,
        )


def _of_restore_root(root: bytes) -> Iterator[Canary]:
    new = _unique(root)
    yield _list(root)
    yield Canary(
        "create-in-root", f"create and remove {printable(new)}", partial(_create_and_remove, new),
        undo=partial(_remove, new),
    )


def _list(root: bytes) -> Canary:
    return Canary("list-root", f"list {printable(root)}", partial(os.listdir, root))


def _of_outside(scene: Scene) -> Iterator[Canary]:
    place = scene.outside
    away = (ENOENT,) if scene.in_jail else ()
    yield _outside(
        "read-outside", "read a file outside the roots",
        partial(_read, place.file) if place else None,
        away or (EACCES,), ("landlock", "jail"),
    )
    if scene.writable:
        yield _outside(
            "create-outside", "create a file outside the roots",
            partial(_create, place.new) if place else None,
            away or (EPERM, EACCES, EROFS), ("landlock", "ns"),
        )
        yield _outside(  # Landlock does not govern it
            "chmod-outside", "change a mode outside the roots",
            partial(os.chmod, place.file, 0o600) if place else None,
            away or (EPERM, EROFS), ("ns",),
        )


def _outside(
    name: str, words: str, attempt: Optional[Callable[[], object]], errors: tuple[int, ...],
    layers: tuple[str, ...],
) -> Canary:
    """Return a canary that no layer holds if there is no ATTEMPT: where all is in the roots."""
    if attempt is None:
        return Canary(name, words, _nothing, errors, harmless=False)
    return Canary(name, words, attempt, errors, layers)


def _of_masks(scene: Scene) -> Iterator[Canary]:
    first, more = scene.masked[0], len(scene.masked) - 1
    shown = f"{printable(first)} and {more} more" if more else printable(first)
    yield Canary(
        "read-hidden", f"read {shown}", partial(_read_hidden, scene.masked, scene.real_roots),
        (ENODATA,), ("ns",),
    )
    yield Canary(
        "unmount", "unmount what hides it", partial(kernel.call, "umount2", first, MNT_DETACH),
        (EPERM,), ("seccomp", "caps"), False,
    )


def _of_system(writable: bool) -> Iterator[Canary]:
    # A uid of its own keeps a backup from the processes and powers of root; a restore is uid 0.
    uid = () if writable else ("uid",)
    parent = os.getpid()
    yield Canary(
        "open-by-handle", "open a file by handle", FileHandle(b"/").open, (EPERM,), ("seccomp",)
    )
    yield Canary("socket", "open a socket", socket.socket, (EPERM, EACCES), ("seccomp",))
    yield Canary(
        "signal", "send the doctor a signal", partial(os.kill, parent, 0), (EPERM,),
        ("landlock:6", *uid),
    )
    yield Canary(
        "read-memory", "read the doctor's memory", partial(_open, b"/proc/%d/mem" % parent),
        (EACCES, ENOENT), ("landlock", "jail", "caps"),
    )
    yield Canary("become-root", "become uid 0", partial(os.setuid, 0), (EPERM,), ("seccomp", *uid))


class FileHandle:
    """What open_by_handle_at(2) takes for the file at PATH, past the permissions of its folders."""

    def __init__(self, path: bytes) -> None:
        self._library: Final = ctypes.CDLL(None, use_errno=True)  # now: not in the child
        self._handle: Final = ctypes.create_string_buffer(8 + _HANDLE_BYTES)
        ctypes.memmove(self._handle, ctypes.byref(ctypes.c_uint(_HANDLE_BYTES)), 4)
        # A file system that gives none leaves an empty one: the call is refused before it is read.
        mount = ctypes.byref(ctypes.c_int())
        self._library.name_to_handle_at(_AT_FDCWD, path, self._handle, mount, 0)

    def open(self) -> None:
        """Open the file; raises OSError."""
        descriptor = self._library.open_by_handle_at(_AT_FDCWD, self._handle, os.O_RDONLY)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), "open_by_handle_at")
        os.close(descriptor)


def _unique(root: bytes) -> bytes:
    return os.path.join(root, b".bpc-ssh-guard-canary-" + secrets.token_hex(8).encode("ascii"))


def _create(path: bytes) -> None:
    os.close(os.open(path, _NEW, 0o600))


def _create_and_remove(path: bytes) -> None:
    _create(path)
    os.unlink(path)


def _remove(path: bytes) -> None:
    if os.path.lexists(path):
        os.unlink(path)


def _open(path: bytes) -> None:
    os.close(os.open(path, _LOOK))


def _read(path: bytes) -> bytes:
    descriptor = os.open(path, _LOOK)
    try:
        return os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def _read_hidden(paths: Sequence[bytes], roots: Sequence[bytes]) -> None:
    """Return where something is to be read at one of PATHS; raises OSError(ENODATA) if nowhere."""
    for path in paths:
        try:
            found = os.listdir(path) if os.path.isdir(path) else _read(path)
        except OSError as error:
            beneath = any(is_beneath(path, root) for root in roots)
            if beneath or error.errno not in (EACCES, ENOENT):
                raise
            continue  # outside: not even the mask is in reach
        if found:
            return
    raise OSError(ENODATA, "empty")

