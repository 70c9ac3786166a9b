"""Reads the server's files below one root folder: no link leaves it, nothing blocks or grows."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from .undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_LINKS = 40  # the kernel's own (path_resolution(7))
MOST_ENTRIES = 5000  # of one folder: more is no configuration folder, and costs the second we have
MOST_BYTES = 2 * 1024 * 1024  # the stock config.pl has 88 kB
_ACL = "system.posix_acl_access"


@dataclass(frozen=True)
class Step:
    """One name on the way to an object, link targets resolved, as lstat(2) sees it."""

    path: str
    info: os.stat_result


class Disk:
    """The file system of a server whose root folder is ROOT.

    Who owns ROOT is its superuser: 0, or what 0 is mapped to in a container's tree.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.superuser = os.stat(root).st_uid

    def steps(self, path: str) -> list[Step]:
        """Return every folder and link on the way to PATH, and PATH's object as the last.

        Raise FileNotFoundError where a name is missing, Undecided where it can't be told.
        """
        pending = [name for name in reversed(path.split("/")) if name]
        here, links = "", 0
        found = [Step("/", os.lstat(self.root))]
        while pending:
            name = pending.pop()
            if name in (".", ".."):
                here = os.path.dirname(here).rstrip("/") if name == ".." else here
                continue
            entry = f"{here}/{name}"
            info = self._lstat(entry)
            found.append(Step(entry, info))
            if not stat.S_ISLNK(info.st_mode):
                here = entry
                continue
            links += 1
            if links > MOST_LINKS:
                raise Undecided(path, "too many symbolic links")
            target = os.readlink(self._beneath(entry))
            here = "" if target.startswith("/") else here
            pending += [part for part in reversed(target.split("/")) if part]
        if stat.S_ISLNK(found[-1].info.st_mode):  # a link to the root or to a folder passed
            found.append(Step(here or "/", self._lstat(here or "/")))
        return found

    def real(self, path: str) -> str:
        """Return PATH without links; raises as `steps`."""
        return self.steps(path)[-1].path

    def stat(self, path: str) -> Optional[os.stat_result]:
        """Return what PATH names, links followed; None where it is missing."""
        try:
            return self.steps(path)[-1].info
        except FileNotFoundError:
            return None

    def lstat(self, path: str) -> Optional[os.stat_result]:
        """Return the last name of PATH itself, be it a link; None where it is missing."""
        folder, name = os.path.split(path.rstrip("/"))
        if not name:
            return self.stat("/")
        try:
            return self._lstat(os.path.join(self.real(folder), name))
        except FileNotFoundError:
            return None

    def link(self, path: str) -> str:
        """Return the target that the link PATH holds."""
        folder, name = os.path.split(path)
        return os.readlink(self._beneath(os.path.join(self.real(folder), name)))

    def names(self, path: str) -> list[str]:
        """Return the sorted names in the folder PATH, none where it is missing."""
        try:
            with self._opened(self.real(path), os.O_RDONLY | os.O_DIRECTORY) as folder:
                names = []
                with os.scandir(folder) as entries:
                    for entry in entries:
                        names.append(entry.name)
                        if len(names) > MOST_ENTRIES:
                            raise Undecided(path, f"more than {MOST_ENTRIES} names in it")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Undecided(path, error.strerror or "can't be listed") from None
        return sorted(names)

    def read(self, path: str, most: int = MOST_BYTES) -> bytes:
        """Return the bytes of the regular file PATH, whose last name must be no link.

        Raise FileNotFoundError; Undecided where it is no regular file, closed to us, or longer
        than MOST bytes. A FIFO or device is neither waited for nor read.
        """
        folder, name = os.path.split(path)
        try:
            full = os.path.join(self.real(folder), name)
            with self._opened(full, os.O_RDONLY | os.O_NONBLOCK) as file:
                info = os.fstat(file)
                if not stat.S_ISREG(info.st_mode):
                    raise Undecided(path, "not a regular file")
                if info.st_size > most:
                    raise Undecided(path, f"longer than {most} bytes")
                return _all_of(file, most)
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = "a symbolic link" if error.errno == errno.ELOOP else error.strerror
            raise Undecided(path, reason or "can't be read") from None

    def head(self, path: str, most: int) -> bytes:
        """Return at most the first MOST bytes of the file PATH, links followed; as `read`."""
        full = self.real(path)
        try:
            with self._opened(full, os.O_RDONLY | os.O_NONBLOCK) as file:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise Undecided(path, "not a regular file")
                return _all_of(file, most)
        except OSError as error:
            raise Undecided(path, error.strerror or "can't be read") from None

    @contextlib.contextmanager
    def handle(self, path: str) -> Iterator[int]:
        """Open the place of PATH, not what lies there (O_PATH): a socket's, to connect to.

        Its last name must be no link. Raise FileNotFoundError, Undecided.
        """
        folder, name = os.path.split(path)
        with self._opened(os.path.join(self.real(folder), name), os.O_PATH) as place:
            yield place

    def acl(self, path: str) -> bytes:
        """Return the POSIX ACL of PATH as the kernel keeps it, empty where the mode says all."""
        try:
            return os.getxattr(self._beneath(path), _ACL, follow_symlinks=False)
        except OSError:  # none, a file system without, or a file gone meanwhile
            return b""

    def _beneath(self, real: str) -> str:
        return os.path.join(str(self.root), real.lstrip("/"))

    def _lstat(self, real: str) -> os.stat_result:
        try:
            return os.lstat(self._beneath(real))
        except FileNotFoundError:
            raise
        except NotADirectoryError as error:
            raise FileNotFoundError(error.errno, error.strerror, real) from None
        except ValueError:  # a NUL, or characters that no file's name has
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), real) from None
        except OSError as error:
            raise Undecided(real, error.strerror or "can't be seen") from None

    @contextlib.contextmanager
    def _opened(self, real: str, flags: int) -> Iterator[int]:
        """Open REAL name by name: whoever swaps a folder for a link meanwhile gets an error."""
        names = [name for name in real.split("/") if name]
        here = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for number, name in enumerate(names):
                last = number == len(names) - 1
                how = flags if last else os.O_PATH | os.O_DIRECTORY
                try:
                    there = os.open(name, how | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                except ValueError:  # as in _lstat
                    raise FileNotFoundError(errno.ENOENT, "no such name", real) from None
                os.close(here)
                here = there
            yield here
        finally:
            os.close(here)


def _all_of(file: int, most: int) -> bytes:
    data = b""
    while len(data) < most and (more := os.read(file, most - len(data))):
        data += more
    return data
