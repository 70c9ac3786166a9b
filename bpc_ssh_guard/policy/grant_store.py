"""The files of grants: written and removed so that a crash leaves the old one or the new one.

An opening is recorded before it takes effect and a closing after it: a run that is killed between
leaves a grant that the log calls open and that is not, never the reverse.
"""

from __future__ import annotations

import os

from .. import state
from ..errors import GuardFailure
from ..record.grants import Closed
from . import window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Optional

    from ..record.grants import Administration
    from .window import Clock, Grant

    # Writes a line to the log, or raises GuardFailure.
    Record = Callable[[bytes], None]

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | state.OPEN
_NOT_RECORDED: Final = "and that could not be recorded"


class GrantFolder:
    """The folder of all grants in the folder STATE, locked against other runs that change one.

    It is a context; the guard, which only reads, takes no lock. `descriptor` is None where there is
    no folder and MAKE does not make it. Raises GuardFailure(bad-grant), as all here do.
    """

    __slots__ = ("descriptor", "path")
    descriptor: Final[Optional[int]]
    path: Final[bytes]

    def __init__(self, state_path: bytes, make: bool = False) -> None:
        self.path = os.path.join(state_path, window.FOLDER)
        self.descriptor = _open_locked(state_path, self.path, make)

    def __enter__(self) -> GrantFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


class GrantStore:
    """The place of the grant of LABEL in a locked FOLDER; RECORD takes what SESSION says of it."""

    __slots__ = ("_beside", "_folder", "_name", "_path", "_record", "_session")

    def __init__(
        self, folder: GrantFolder, label: bytes, session: Administration, record: Record
    ) -> None:
        self._folder: Final = folder.descriptor
        self._name: Final = label
        self._path: Final = os.path.join(folder.path, label)
        self._beside: Final = b"." + label + b".new"  # one name: only who holds the lock uses it
        self._session: Final = session
        self._record: Final = record

    def read(self) -> Optional[Grant]:
        """Return the grant that is there, open or over."""
        if self._folder is None:
            return None
        return window.read_from(self._folder, self._name, self._path)

    def read_open(self, clock: Clock) -> Optional[Grant]:
        """Return the grant if it is open at CLOCK; record the end of one that is over."""
        grant = self.read()
        if grant is None or grant.is_open(clock):
            return grant
        # Nothing depends on its removal, so the record comes first: a failure is told again.
        self.record_closed(Closed.EXPIRED, grant)
        self.remove()
        return None

    def open(self, grant: Grant, opened: bytes, clock: Clock) -> None:
        """Put GRANT in place, behind its record OPENED; one open at CLOCK is replaced."""
        old = self.read_open(clock)
        self.write_beside(grant)
        try:
            self._record(opened)
            self.put_in_place(grant)
        except BaseException:
            self.sweep()
            raise
        if old is not None:
            self.record_closed(Closed.REPLACED, old, done="the grant has replaced another")

    def revoke(self, clock: Clock) -> bool:
        """Close the grant, open at CLOCK or unreadable; return whether there was one."""
        try:
            grant = self.read()
        except GuardFailure:  # unreadable: it must be possible to be rid of it all the same
            grant = None
        else:
            grant = self.read_open(clock)
        if not self.remove():
            return False
        self.record_closed(Closed.REVOKED, grant, done="the grant is closed")
        return True

    def write_beside(self, grant: Grant) -> None:
        """Complete GRANT on the disk, beside its place."""
        folder, content = self._existing_folder(), grant.to_bytes()
        if len(content) > window.MAX_GRANT:
            raise state.failure(self._path, "the paths are too long; grant a folder above them")
        self.sweep()
        try:
            descriptor = os.open(self._beside, _NEW, state.FILE_MODE, dir_fd=folder)
            try:
                while content:
                    content = content[os.write(descriptor, content) :]
                os.fsync(descriptor)
            except BaseException:
                self.sweep()
                raise
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._problem(error, "the grant can't be stored") from None

    def put_in_place(self, grant: Grant) -> None:
        """Let what was written beside take effect, at once and for good."""
        folder = self._existing_folder()
        try:
            os.rename(self._beside, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            trouble = self._problem(error, "the grant can't be stored")
            try:
                self.record_closed(Closed.NOT_STORED, grant)
            except GuardFailure:
                raise trouble from None  # the first one is the one to tell
            raise trouble from None
        try:
            os.fsync(folder)
        except OSError as error:
            what = "the grant is open, but may be lost if the machine crashes"
            raise self._problem(error, what) from None

    def remove(self) -> bool:
        """Remove the grant for good; return whether there was one."""
        if self._folder is None:
            return False
        try:
            os.unlink(self._name, dir_fd=self._folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._problem(error, "the grant can't be removed") from None
        try:
            os.fsync(self._folder)
        except OSError as error:
            what = "the grant is closed, but may be back if the machine crashes"
            raise self._problem(error, what) from None
        return True

    def sweep(self) -> None:
        """Remove what a killed run has left beside."""
        try:
            os.unlink(self._beside, dir_fd=self._existing_folder())
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._problem(error, "a leftover can't be removed") from None

    def record_closed(self, code: str, grant: Optional[Grant], done: str = "") -> None:
        """Record the end of GRANT, None for one that can't be read; DONE is what is so already."""
        identity, until = (grant.identity, grant.until) if grant else (None, 0)
        try:
            self._record(self._session.grant_closed(code=code, identity=identity, until=until))
        except GuardFailure as failure:
            if not done:
                raise
            detail = f"{done}, {_NOT_RECORDED}: {failure.detail}"
            raise GuardFailure(failure.reason, detail) from None

    def _existing_folder(self) -> int:
        if self._folder is None:
            raise state.failure(self._path, "its folder is missing; make it")
        return self._folder

    def _problem(self, error: OSError, consequence: str) -> GuardFailure:
        return state.problem(self._path, error, consequence)


def _open_locked(state_path: bytes, path: bytes, make: bool) -> Optional[int]:
    try:
        folder = state.open_folder(state_path, window.FOLDER, make)
    except FileNotFoundError:
        return None
    try:
        state.lock(folder)
    except BaseException as error:
        os.close(folder)
        if not isinstance(error, TimeoutError):
            raise
        what = (f"locked for {state.LOCK_SECONDS:.0f} seconds by another run of this; wait for that"
                " or end it")
        raise state.failure(path, what) from None
    return folder
