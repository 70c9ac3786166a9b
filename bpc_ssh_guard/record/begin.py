"""A log begun: its chain, its state, and the first key, which is told once and then is gone.

Not on the guard's path: bpc-ssh-guardctl does it as the machine is enrolled.
"""

from __future__ import annotations

import os

from .. import state as state_folder
from ..errors import GuardFailure
from ..vocabulary import Reason
from . import reserve, segment
from .block import Block
from .held import STATE, day, month
from .line import text
from .seal import CHAIN_BYTES, KEY_BYTES
from .sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_IS_A_LOG: Final = "is a log already; --rekey moves it aside and begins a new one"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Begun:
    """A new chain: its id, 16 bytes, and K_0, 32 bytes, which verifies all of its records."""

    __slots__ = ("chain", "key")
    chain: Final[bytes]
    key: Final[bytes]

    def __init__(self, chain: bytes, key: bytes) -> None:
        self.chain = chain
        self.key = key


def begin(log: bytes, state: bytes) -> Begun:
    """Begin the log in the folder LOG with its state in STATE, and append its first record.

    K_0 leaves the disk by that. Raises GuardFailure(cannot-record), also where there is a log.
    """
    _make_folder(log)  # first, as the state may lie in it
    try:
        folder = state_folder.open_folder(state, make=True)
    except GuardFailure as failure:
        raise GuardFailure(Reason.CANNOT_RECORD, failure.detail) from None
    begun = Begun(os.urandom(CHAIN_BYTES), os.urandom(KEY_BYTES))
    block = Block.begin(begun.chain, begun.key, month(day()))
    try:
        _require_no_log(log)
        _write_state(folder, block.to_bytes())
        try:
            reserve.fill(folder)
            _append_first(log, state)
        except BaseException:
            os.unlink(STATE, dir_fd=folder)  # K_0 with it; it can be begun again
            raise
    except FileExistsError:
        raise _failure(os.path.join(state, STATE), _IS_A_LOG) from None
    except OSError as error:
        what = error.strerror or "unknown error"
        raise _failure(state, f"{what[:1].lower()}{what[1:]}; mend that and begin again") from None
    finally:
        os.close(folder)
    return begun


def require_no_log(log: bytes, state: bytes) -> None:
    """Require that `begin` would find no log in LOG and STATE; raises GuardFailure.

    What is missing, it would make.
    """
    above = os.path.dirname(log.rstrip(b"/"))
    if not os.path.isdir(above):
        raise _failure(log, "its folder above is missing; make that")
    _require_no_log(log)
    if os.path.lexists(os.path.join(state, STATE)):
        raise _failure(os.path.join(state, STATE), _IS_A_LOG)


def _append_first(log: bytes, state: bytes) -> None:
    """Append record 0, which the log makes of itself."""
    sink = Sink.open(log, state)
    try:
        sink.append(b"")
    finally:
        sink.close()


def _make_folder(log: bytes) -> None:
    try:
        os.mkdir(log)
    except FileExistsError:
        return
    except OSError as error:
        what = error.strerror or "unknown error"
        raise _failure(log, f"{what[:1].lower()}{what[1:]}; make the folder above it") from None
    os.chmod(log, segment.FOLDER_MODE)  # whatever the umask took away


def _write_state(folder: int, data: bytes) -> None:
    descriptor = os.open(STATE, _NEW, state_folder.FILE_MODE, dir_fd=folder)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
        os.fsync(folder)
    finally:
        os.close(descriptor)


def _require_no_log(log: bytes) -> None:
    try:
        names = os.listdir(log)
    except FileNotFoundError:
        return
    for name in names:
        if segment.first_of(name) >= 0:
            raise _failure(os.path.join(log, name), _IS_A_LOG)


def _failure(path: bytes, complaint: str) -> GuardFailure:
    return GuardFailure(Reason.CANNOT_RECORD, f"{text(path)}: {complaint}")
