"""An authorized_keys file read and replaced so that no crash, race or full disk locks anybody out.

Whoever is killed on the way leaves the old file or the new one, whole. Every other line stays as
it is, byte by byte.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat

from .. import state
from ..errors import GuardFailure
from ..vocabulary import Reason
from .line import parse_file
from .place import open_folder, problem, require_safe, unsafe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final, Optional, Union

    from .authority import AuthorityLine
    from .line import Line
    from .managed import ManagedLine

    # A line that is composed here.
    Composed = Union[ManagedLine, AuthorityLine]
    # What becomes of some lines, by their numbers from 1 on; None takes a line out.
    Changes = Mapping[int, Optional[Composed]]

MAX_SIZE: Final = 16 * 1024 * 1024  # some ten thousand keys; sshd reads them all at each login

_OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a fifo must not make us wait
_NEW_FILE_MODE: Final = 0o600
# The label that sshd's own domain may read, and the entries beyond the mode.
_ATTRIBUTES: Final = ("security.selinux", "system.posix_acl_access")
_NO_ATTRIBUTE: Final = (errno.ENODATA, errno.ENOTSUP, errno.EPERM)


def default_path() -> str:
    """Return the file that sshd reads for the account that runs this, by its own default."""
    return pwd.getpwuid(os.geteuid()).pw_dir + "/.ssh/authorized_keys"


class KeysFile:
    """The file at `path`, open to look at or locked; `data` as it was read, empty without a file.

    It is a context; `opened` and `locked` make it. All complaints are GuardFailure: keys-locked,
    unsafe-keys or cannot-write-keys.
    """

    __slots__ = ("_attributes", "_folder", "_lock", "_name", "data", "lines", "path", "status")
    path: Final[str]
    data: bytes
    lines: tuple[Line, ...]  # behind a last LF there is an empty one
    status: Optional[os.stat_result]  # None where there is no file

    def __init__(self, path: str, folder: int, name: str) -> None:
        self.path = path
        self._folder: Final = folder
        self._name: Final = name
        self._lock = -1
        self._attributes: Sequence[tuple[str, bytes]] = ()

    @classmethod
    def opened(cls, path: str) -> KeysFile:
        """Open the file at PATH to look at; nothing is changed, no lock taken."""
        file = cls(path, *open_folder(path))
        try:
            file._read()
        except BaseException:
            file._close()
            raise
        return file

    @classmethod
    def locked(cls, path: str) -> KeysFile:
        """Open the file at PATH and keep every other writer of ours out until it is closed."""
        file = cls(path, *open_folder(path))
        try:
            file._take_lock()
            file._read()
            file._sweep_left()
        except BaseException:
            file._close()
            raise
        return file

    def __enter__(self) -> KeysFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def with_changes(self, changes: Changes, added: Optional[Composed] = None) -> bytes:
        """Return the content after CHANGES, with ADDED at its end."""
        pieces, last = [], len(self.lines)
        for number, line in enumerate(self.lines, 1):
            managed = changes.get(number)
            if number not in changes or managed is not None:
                raw = line.raw if managed is None else managed.compose()
                pieces.append(raw if number == last else raw + b"\n")
        content = b"".join(pieces)
        if added is not None:
            gap = b"\n" if content and not content.endswith(b"\n") else b""
            content += gap + added.compose() + b"\n"
        return content

    def put(self, changes: Changes, added: Optional[Composed] = None) -> None:
        """Put the content after CHANGES, with ADDED at its end, in the file's place."""
        try:
            self._write_beside(self.with_changes(changes, added), changes, added)
            self._require_unchanged()
            os.rename(
                self._beside, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder
            )
        except OSError as error:
            self._sweep()
            raise problem(self.path, "it stays as it was", error) from None
        except BaseException:
            self._sweep()
            raise
        try:
            os.fsync(self._folder)
        except OSError as error:
            what = "the change may be lost at a crash of the machine"
            raise problem(self.path, what, error) from None

    @property
    def _beside(self) -> str:
        return f".{self._name}.bpc-ssh-guard.new"  # one name: only who holds the lock uses it

    def _close(self) -> None:
        for descriptor in (self._lock, self._folder):
            if descriptor >= 0:
                os.close(descriptor)

    def _read(self) -> None:
        """Read the file, or an empty one where there is none; refuse what others can change."""
        self.data, self.lines, self.status = b"", parse_file(b""), None
        try:
            descriptor = os.open(self._name, _OPEN | os.O_RDONLY, dir_fd=self._folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise problem(self.path, "it can't be read", error) from None
        try:
            self.status = os.fstat(descriptor)
            require_safe(self.path, self.status, os.fstat(self._folder).st_uid)
            with open(descriptor, "rb", closefd=False) as file:
                self.data = file.read(MAX_SIZE + 1)
            self._attributes = tuple(_attributes(descriptor))
        except OSError as error:
            raise problem(self.path, "it can't be read", error) from None
        finally:
            os.close(descriptor)
        if len(self.data) > MAX_SIZE:
            what = f"has more than {MAX_SIZE} bytes; take out what is not needed"
            raise unsafe(self.path, what)
        self.lines = parse_file(self.data)

    def _take_lock(self) -> None:
        """Lock a file beside the keys file: its replacement would be another one."""
        try:
            self._lock = self._open_lock()
            if not stat.S_ISREG(os.fstat(self._lock).st_mode):
                what = "the lock beside it is no regular file; take it away"
                raise unsafe(self.path, what)
            state.lock(self._lock)
        except TimeoutError:
            what = (f"{self.path}: locked for {state.LOCK_SECONDS:.0f} seconds by another run of"
                    " this; wait for that or end it")
            raise GuardFailure(Reason.KEYS_LOCKED, what) from None
        except OSError as error:
            raise problem(self.path, "it can't be locked", error) from None

    def _open_lock(self) -> int:
        name, flags = f".{self._name}.bpc-ssh-guard.lock", _OPEN | os.O_RDWR
        try:
            new = flags | os.O_CREAT | os.O_EXCL
            lock = os.open(name, new, _NEW_FILE_MODE, dir_fd=self._folder)
        except FileExistsError:
            return os.open(name, flags, dir_fd=self._folder)
        owner = os.fstat(self._folder)
        os.fchown(lock, owner.st_uid, owner.st_gid)  # or its owner could never take the lock
        return lock

    def _sweep_left(self) -> None:
        try:
            self._sweep()
        except OSError as error:
            what = "what a killed run has left can't be removed"
            raise problem(self.path, what, error) from None

    def _sweep(self) -> None:
        """Remove what a run has left beside the file."""
        try:
            os.unlink(self._beside, dir_fd=self._folder)
        except FileNotFoundError:
            return

    def _write_beside(
        self, content: bytes, changes: Changes, added: Optional[Composed]
    ) -> None:
        """Complete the new file beside the old one, on the disk and read again."""
        flags = _OPEN | os.O_RDWR | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._beside, flags, _NEW_FILE_MODE, dir_fd=self._folder)
        try:
            _write_all(descriptor, content)
            owner = self.status or os.fstat(self._folder)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            mode = stat.S_IMODE(self.status.st_mode) if self.status else _NEW_FILE_MODE
            os.fchmod(descriptor, mode)
            for name, value in self._attributes:
                try:
                    os.setxattr(descriptor, name, value)
                except OSError as error:
                    if error.errno not in _NO_ATTRIBUTE:
                        raise
            os.fsync(descriptor)
            written = os.pread(descriptor, len(content) + 1, 0)
        finally:
            os.close(descriptor)
        self._require_as_meant(written, changes, added)

    def _require_as_meant(
        self, written: bytes, changes: Changes, added: Optional[Composed]
    ) -> None:
        """Refuse what was WRITTEN unless each other line is in it as it was, and ours as meant."""
        expected = [
            (line.raw, changes.get(number)) for number, line in enumerate(self.lines, 1)
            if number not in changes or changes[number] is not None
        ]
        if added is not None:
            if expected and not expected[-1][0] and expected[-1][1] is None:  # behind the last LF
                expected.pop()
            expected += [(b"", added), (b"", None)]
        lines = parse_file(written)
        same = len(lines) == len(expected)
        for line, (raw, managed) in zip(lines, expected):
            if managed is None:
                same = same and line.raw == raw
            else:
                again = managed.from_line(line)
                same = same and again is not None and again.compose() == managed.compose()
        if not same:
            what = ("the new content was read back otherwise than it was written, and the file"
                    " stays as it was; look at its disk")
            raise GuardFailure(Reason.CANNOT_WRITE_KEYS, f"{self.path}: {what}")

    def _require_unchanged(self) -> None:
        """Refuse to put the new file in the place of one that somebody has edited meanwhile."""
        now: Optional[os.stat_result]
        try:
            now = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            now = None
        if _identity(now) != _identity(self.status):
            what = f"{self.path}: somebody changed it meanwhile; run this again"
            raise GuardFailure(Reason.CANNOT_WRITE_KEYS, what)


def _identity(status: Optional[os.stat_result]) -> Optional[tuple[int, ...]]:
    if status is None:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _attributes(descriptor: int) -> Iterator[tuple[str, bytes]]:
    for name in _ATTRIBUTES:
        try:
            yield name, os.getxattr(descriptor, name)
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTE:
                raise


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
