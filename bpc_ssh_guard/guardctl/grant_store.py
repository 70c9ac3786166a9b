"""The file of one key's grant: written and removed so that a crash leaves the old or the new one.

Each step is recorded by whoever takes it; here is also the way into the log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final, Optional

from .. import state
from ..errors import GuardFailure
from ..policy import window
from ..policy.window import Clock, Grant
from ..record.grants import Administration, Closed
from ..record.sink import Sink
from ..record.syslog_copy import send_copy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..policy.model import Policy

LOCK_SECONDS: Final = 10.0

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | state.OPEN
_NOT_RECORDED: Final = "and that could not be recorded"


class GrantError(Exception):
    """A grant was not opened or closed as asked; the text says what is wrong and what to do."""


class GrantStore:
    """The place of one key's grant in the open and locked folder, None where there is no folder."""

    def __init__(self, policy: Policy, label: bytes, folder: Optional[int]) -> None:
        self.session: Final = Administration.begin(label, os.environb.get(b"SUDO_USER"))
        self._name: Final = label
        self._path: Final = os.path.join(policy.state, window.FOLDER, label)
        self._beside: Final = b"." + label + b".new"  # one name: only who holds the lock uses it
        self._folder: Final = folder
        self._policy: Final = policy

    def read(self) -> Optional[Grant]:
        """Return the grant that is there, open or over."""
        if self._folder is None:
            return None
        with told():
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

    def write_beside(self, grant: Grant) -> None:
        """Complete GRANT on the disk, beside its place."""
        folder, content = self._existing_folder(), grant.to_bytes()
        if len(content) > window.MAX_GRANT:
            shown = self._path.decode("utf-8", "backslashreplace")
            raise GrantError(f"{shown}: the paths are too long; grant a folder above them")
        self.sweep()
        with self._explained("the grant can't be stored"):
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

    def put_in_place(self, grant: Grant) -> None:
        """Let what was written beside take effect, at once and for good."""
        folder = self._existing_folder()
        try:
            with self._explained("the grant can't be stored"):
                os.rename(self._beside, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except GrantError:
            with contextlib.suppress(GrantError):  # the first trouble is the one to tell
                self.record_closed(Closed.NOT_STORED, grant)
            raise
        with self._explained("the grant is open, but may be lost if the machine crashes"):
            os.fsync(folder)

    def remove(self) -> bool:
        """Remove the grant for good; return whether there was one."""
        if self._folder is None:
            return False
        with self._explained("the grant can't be removed"):
            try:
                os.unlink(self._name, dir_fd=self._folder)
            except FileNotFoundError:
                return False
        with self._explained("the grant is closed, but may be back if the machine crashes"):
            os.fsync(self._folder)
        return True

    def sweep(self) -> None:
        """Remove what a killed run has left beside."""
        folder = self._existing_folder()
        with self._explained("a leftover can't be removed"), contextlib.suppress(FileNotFoundError):
            os.unlink(self._beside, dir_fd=folder)

    def record_closed(self, code: str, grant: Optional[Grant], done: str = "") -> None:
        """Record the end of GRANT, None for one that can't be read; DONE is what is so already."""
        identity, until = (grant.identity, grant.until) if grant else (None, 0)
        try:
            self.record(self.session.grant_closed(code=code, identity=identity, until=until))
        except GrantError as error:
            raise GrantError(f"{done}, {_NOT_RECORDED}: {error}" if done else str(error)) from None

    def record(self, line: bytes) -> None:
        """Write LINE to the log, and a copy of what was written to syslog."""
        with told():
            sink = Sink.open(self._policy.log, self._policy.state)
            sink.policy = self._policy.path, self._policy.sha256
            try:
                lines = sink.append(line)
            finally:
                sink.close()
        for each in lines:
            send_copy(each)

    def _existing_folder(self) -> int:
        if self._folder is None:
            raise GrantError(f"{os.fsdecode(self._path)}: its folder is missing; make it")
        return self._folder

    @contextlib.contextmanager
    def _explained(self, consequence: str) -> Iterator[None]:
        with told():
            try:
                yield
            except OSError as error:
                raise state.problem(self._path, error, consequence) from None


@contextlib.contextmanager
def store(policy: Policy, label: bytes, make: bool = False) -> Iterator[GrantStore]:
    """Give the place of LABEL's grant, locked against other runs of this; MAKE makes its folder."""
    with locked_folder(policy, make) as folder:
        yield GrantStore(policy, label, folder)


@contextlib.contextmanager
def locked_folder(policy: Policy, make: bool = False) -> Iterator[Optional[int]]:
    """Give the open folder of the grants, locked against other runs of this; None without one."""
    with told():
        try:
            folder = state.open_folder(policy.state, window.FOLDER, make)
        except FileNotFoundError:
            folder = -1
    if folder < 0:
        yield None
        return
    try:
        _lock(folder, os.path.join(policy.state, window.FOLDER))
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell the failure of a part that the guard shares as this program's own."""
    try:
        yield
    except GuardFailure as failure:
        raise GrantError(failure.detail) from None


def _lock(folder: int, path: bytes) -> None:
    """Wait for the lock of the open FOLDER; the guard, which only reads, takes none."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                shown = path.decode("utf-8", "backslashreplace")
                raise GrantError(f"{shown}: locked for {LOCK_SECONDS:.0f} seconds by another run of"
                                 " this; wait for that or end it") from None
        time.sleep(0.02)
