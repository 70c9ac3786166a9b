"""Replaces a file whole: as the file's own account, under BackupPC's lock, never through a link."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Optional

from .held import Held, held
from .refused import Refused

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "LOCK"  # in ConfDir; BackupPC opens it for writing and takes flock(2)
PATIENCE = 10.0  # seconds for the lock: BackupPC holds it while it reads one file
_MOST_SAID = 4096


@dataclass(frozen=True)
class Exchange:
    """PATH holds BEFORE (None: it is missing) and shall hold AFTER (None: it shall be missing).

    MODE, UID and GID are the file's. LOCKED names the folder whose lock is held meanwhile.
    """

    path: str
    before: Optional[bytes]
    after: Optional[bytes]
    mode: int
    uid: int
    gid: int
    locked: Optional[str] = None
    patience: float = PATIENCE


def exchange(root: Path, wanted: Exchange) -> None:
    """Do it whole or not at all; raise Refused where the file doesn't hold BEFORE, or isn't ours.

    Root works as the file's account in a child, so that what may be planted there is opened with
    no more rights than who planted it has.
    """
    folder, name = os.path.split(wanted.path)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(held(root, folder))
        lock = stack.enter_context(held(root, wanted.locked)) if wanted.locked else None
        if os.geteuid() != 0 or wanted.uid == 0:
            try:
                _exchange(place, name, lock, wanted)
            except OSError as error:
                raise Refused(f"{wanted.path}: {error.strerror}") from None
            return
        _in_child(place, name, lock, wanted)


def _in_child(place: Held, name: str, lock: Optional[Held], wanted: Exchange) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _serve(writing, place, name, lock, wanted)
    os.close(writing)
    try:
        said = b""
        while len(said) < _MOST_SAID and (more := os.read(reading, _MOST_SAID - len(said))):
            said += more
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    if status != 0 or said:
        raise Refused(said.decode("utf-8", "surrogateescape")
                      or f"{wanted.path}: the child that edits it ended with {status}")


def _serve(
    writing: int, place: Held, name: str, lock: Optional[Held], wanted: Exchange,
) -> NoReturn:
    """Be the child: take the file's account, and say what is wrong."""
    status = 1
    try:
        os.setgroups([wanted.gid])
        os.setresgid(wanted.gid, wanted.gid, wanted.gid)
        os.setresuid(wanted.uid, wanted.uid, wanted.uid)
        _exchange(place, name, lock, wanted)
        status = 0
    except Refused as error:
        os.write(writing, str(error).encode("utf-8", "surrogateescape")[:_MOST_SAID])
    except OSError as error:
        os.write(writing, f"{wanted.path}: {error.strerror}".encode("utf-8", "surrogateescape"))
    finally:
        os._exit(status)


def _exchange(place: Held, name: str, lock: Optional[Held], wanted: Exchange) -> None:
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.descriptor)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, here)
        if lock is not None:
            stack.callback(os.close, _locked(lock, wanted.patience))
        _require(here, name, wanted)
        if wanted.after is None:
            os.unlink(name, dir_fd=here)
        else:
            _put(here, name, wanted, wanted.after)
        os.fsync(here)


def _require(here: int, name: str, wanted: Exchange) -> None:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                       dir_fd=here)
    except FileNotFoundError:
        if wanted.before is None:
            return
        raise Refused(f"{wanted.path}: missing by now") from None
    try:
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1 or info.st_uid != wanted.uid:
            raise Refused(f"{wanted.path}: no plain file of its account with one name")
        # What it replaces was looked at by name before: another file may have had that name then.
        if (stat.S_IMODE(info.st_mode), info.st_gid) != (wanted.mode, wanted.gid):
            raise Refused(f"{wanted.path}: has another mode or group by now")
        if wanted.before is None or _content(file, len(wanted.before) + 1) != wanted.before:
            raise Refused(f"{wanted.path}: was changed meanwhile; nothing was written")
    finally:
        os.close(file)


def _content(file: int, most: int) -> bytes:
    data = b""
    while len(data) < most and (more := os.read(file, most - len(data))):
        data += more
    return data


def _put(here: int, name: str, wanted: Exchange, content: bytes) -> None:
    temporary = f".{name}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o600, dir_fd=here)
    try:
        try:
            while content:
                content = content[os.write(file, content):]
            if os.fstat(file).st_gid != wanted.gid:
                os.fchown(file, -1, wanted.gid)
            os.fchmod(file, wanted.mode)
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(temporary, name, src_dir_fd=here, dst_dir_fd=here)
    except BaseException:
        os.unlink(temporary, dir_fd=here)
        raise


def _locked(folder: Held, patience: float) -> int:
    """Return a descriptor that holds the lock; BackupPC makes the file as we do."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    lock = os.open(LOCK, flags, 0o640, dir_fd=folder.descriptor)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK or time.monotonic() > end:
                os.close(lock)
                raise Refused(f"{folder.path}/{LOCK}: held by BackupPC; try again") from None
            time.sleep(0.05)
        else:
            return lock
