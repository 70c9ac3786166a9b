"""An authorized_keys file read and replaced so that no crash, race or full disk locks anybody out.

Whoever is killed on the way leaves the old file or the new one, whole. Every other line stays as
it is, byte by byte.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ..authorized_keys import Line, ManagedLine, parse_file
from .closed import Open, require_closed

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SECONDS: Final = 10.0
MAX_SIZE: Final = 16 * 1024 * 1024  # some ten thousand keys; sshd reads them all at each login

_OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a fifo must not make us wait
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_NEW_FILE_MODE: Final = 0o600
# The label that sshd's own domain may read, and the entries beyond the mode.
_ATTRIBUTES: Final = ("security.selinux", "system.posix_acl_access")
_NO_ATTRIBUTE: Final = (errno.ENODATA, errno.ENOTSUP, errno.EPERM)

_ADVICE: Final = {
    errno.ENOENT: "make the folder first, with mode 0700",
    errno.ENOTDIR: "name a folder that is no symbolic link",
    errno.ELOOP: "put the file itself there, no symbolic link",
    errno.EACCES: "run this as root or as the file's owner",
    errno.EPERM: "run this as root or as the file's owner, and look at lsattr",
    errno.EROFS: "mount its file system writable",
    errno.ENOSPC: "make room on its file system",
    errno.EDQUOT: "make room in its quota",
    errno.EFBIG: "raise the limit on the size of files",
}


class AuthorizeError(Exception):
    """The line was not composed or not written; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class KeysFile:
    """The file `name` in the open folder, as it was read; `status` is None where there is none."""

    path: str
    folder: int
    name: str
    data: bytes = b""
    status: Optional[os.stat_result] = None
    attributes: tuple[tuple[str, bytes], ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the file; behind a last LF there is an empty one."""
        return parse_file(self.data)

    def with_line(self, line: ManagedLine) -> tuple[bytes, int]:
        """Return the content with LINE at its end, and the line's number."""
        gap = b"\n" if self.data and not self.data.endswith(b"\n") else b""
        above = self.data + gap
        return above + line.compose() + b"\n", above.count(b"\n") + 1

    def append(self, line: ManagedLine) -> int:
        """Put the content with LINE in the file's place; return the line's number."""
        content, number = self.with_line(line)
        with _plain_errors(self.path, "it stays as it was"):
            try:
                self._write_beside(content, line)
                self._require_unchanged()
                os.rename(self._beside, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
            except BaseException:
                self.sweep()
                raise
        with _plain_errors(self.path, "the new line may be lost at a crash of the machine"):
            os.fsync(self.folder)
        return number

    def sweep(self) -> None:
        """Remove what a killed run has left beside the file."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._beside, dir_fd=self.folder)

    @property
    def _beside(self) -> str:
        return f".{self.name}.bpc-ssh-guard.new"  # one name: only who holds the lock uses it

    def _write_beside(self, content: bytes, line: ManagedLine) -> None:
        """Complete the new file beside the old one, on the disk and read again."""
        flags = _OPEN | os.O_RDWR | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._beside, flags, _NEW_FILE_MODE, dir_fd=self.folder)
        try:
            _write_all(descriptor, content)
            owner = self.status or os.fstat(self.folder)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            mode = stat.S_IMODE(self.status.st_mode) if self.status else _NEW_FILE_MODE
            os.fchmod(descriptor, mode)
            for name, value in self.attributes:
                with _tolerated(_NO_ATTRIBUTE):
                    os.setxattr(descriptor, name, value)
            os.fsync(descriptor)
            self._require_only_added(os.pread(descriptor, len(content) + 1, 0), line)
        finally:
            os.close(descriptor)

    def _require_only_added(self, written: bytes, line: ManagedLine) -> None:
        """Refuse what was WRITTEN unless it holds the old lines unchanged, then LINE."""
        old = [each.raw for each in self.lines]
        if old[-1] == b"":  # behind the last LF
            old.pop()
        lines = parse_file(written)
        added = ManagedLine.from_line(lines[-2]) if len(lines) > 1 else None
        same = [each.raw for each in lines[:-2]] == old and lines[-1].raw == b""
        if not same or added is None or added.compose() != line.compose():
            raise AuthorizeError(f"{self.path}: the new content was read back otherwise than it was"
                                 " written, and the file stays as it was; look at its disk")

    def _require_unchanged(self) -> None:
        """Refuse to put the new file in the place of one that somebody has edited meanwhile."""
        now: Optional[os.stat_result] = None
        with contextlib.suppress(FileNotFoundError):
            now = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        if _identity(now) != _identity(self.status):
            raise AuthorizeError(f"{self.path}: somebody changed it meanwhile; run this again")


def _identity(status: Optional[os.stat_result]) -> Optional[tuple[int, ...]]:
    if status is None:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextlib.contextmanager
def opened(path: str) -> Iterator[KeysFile]:
    """Give the file at PATH to look at; nothing is changed, no lock taken."""
    with _folder_of(path) as (folder, name):
        yield _read(path, folder, name)


@contextlib.contextmanager
def locked(path: str) -> Iterator[KeysFile]:
    """Give the file at PATH, and keep every other writer of ours out meanwhile."""
    with _folder_of(path) as (folder, name):
        # Not the file itself: its replacement would be another one. The kernel lets go of the
        # lock when we are killed.
        with _plain_errors(path, "it can't be locked"):
            lock = _open_lock(folder, f".{name}.bpc-ssh-guard.lock")
        try:
            _take(lock, path)
            file = _read(path, folder, name)
            with _plain_errors(path, "what a killed run has left can't be removed"):
                file.sweep()
            yield file
        finally:
            os.close(lock)


@contextlib.contextmanager
def _folder_of(path: str) -> Iterator[tuple[int, str]]:
    """Give the open folder of PATH, and the name in it; refuse one that others can change."""
    above, name = os.path.split(os.path.abspath(path))
    if not name:
        raise AuthorizeError(f"{path}: is a folder; name the file in it")
    with _plain_errors(above, "it can't be opened"):
        folder = os.open(above, _OPEN_FOLDER)
    try:
        owner = os.fstat(folder).st_uid
        try:
            require_closed(above, frozenset({0, owner}))
        except Open as problem:
            raise AuthorizeError(str(problem)) from None
        if not os.path.samestat(os.fstat(folder), os.lstat(above)):
            raise AuthorizeError(f"{above}: somebody changed it meanwhile; run this again")
        yield folder, name
    finally:
        os.close(folder)


def _read(path: str, folder: int, name: str) -> KeysFile:
    """Return the file NAME in the open folder, or an empty one; refuse what others can change."""
    try:
        descriptor = os.open(name, _OPEN | os.O_RDONLY, dir_fd=folder)
    except FileNotFoundError:
        return KeysFile(path, folder, name)
    except OSError as error:
        raise _problem(path, "it can't be read", error) from None
    try:
        status = os.fstat(descriptor)
        _require_safe(path, status, os.fstat(folder).st_uid)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_SIZE + 1)
        attributes = tuple(_attributes(descriptor))
    finally:
        os.close(descriptor)
    if len(data) > MAX_SIZE:
        raise AuthorizeError(f"{path}: has more than {MAX_SIZE} bytes; take out what is not needed")
    return KeysFile(path, folder, name, data, status, attributes)


def _attributes(descriptor: int) -> Iterator[tuple[str, bytes]]:
    for name in _ATTRIBUTES:
        with _tolerated(_NO_ATTRIBUTE):
            yield name, os.getxattr(descriptor, name)


def _require_safe(path: str, status: os.stat_result, owner: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise AuthorizeError(f"{path}: is no regular file; move it away")
    if status.st_uid not in (0, owner):
        raise AuthorizeError(f"{path}: belongs to uid {status.st_uid}, neither to root nor to the"
                             " owner of its folder; find out why, then chown it")
    if status.st_mode & _OTHERS_WRITE:
        raise AuthorizeError(f"{path}: is writable by group or others (mode"
                             f" {stat.S_IMODE(status.st_mode):04o}), who may have added keys;"
                             f" look through it, then chmod go-w {path}")


def _open_lock(folder: int, name: str) -> int:
    try:
        lock = os.open(name, _OPEN | os.O_RDWR | os.O_CREAT | os.O_EXCL, _NEW_FILE_MODE,
                       dir_fd=folder)
    except FileExistsError:
        return os.open(name, _OPEN | os.O_RDWR, dir_fd=folder)
    owner = os.fstat(folder)
    os.fchown(lock, owner.st_uid, owner.st_gid)  # or its owner could never take the lock
    return lock


def _take(lock: int, path: str) -> None:
    """Wait for the lock, at most LOCK_SECONDS."""
    if not stat.S_ISREG(os.fstat(lock).st_mode):
        raise AuthorizeError(f"{path}: the lock beside it is no regular file; take it away")
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise AuthorizeError(f"{path}: locked for {LOCK_SECONDS:.0f} seconds by another run"
                                     " of this; wait for that or end it") from None
        time.sleep(0.02)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


@contextlib.contextmanager
def _plain_errors(path: str, consequence: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _problem(path, consequence, error) from None


@contextlib.contextmanager
def _tolerated(numbers: tuple[int, ...]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise


def _problem(path: str, consequence: str, error: OSError) -> AuthorizeError:
    advice = _ADVICE.get(error.errno or 0, "look at its file system")
    return AuthorizeError(f"{path}: {consequence}: {error.strerror}; {advice}")
