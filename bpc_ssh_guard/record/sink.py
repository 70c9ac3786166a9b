"""The command log: a record that `append` returns from is sealed and on the disk, or it raised.

Each record is bound to all before it and made by a key that is gone afterwards (see seal); what
other guards left undone is made good first. Without its state the log is not written at all.
"""

from __future__ import annotations

import errno
import os
import time

from .. import state as state_folder
from ..errors import GuardFailure
from ..vocabulary import Reason
from . import seal, segment
from .block import Damaged
from .flood import DAY_BYTES, KEY_DAY_BYTES, Bucket
from .held import NOBODY, STATE, Held
from .line import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, NoReturn, Optional, TypeVar

    from .block import Block
    from .line import Member

    _Result = TypeVar("_Result")

LOCK_SECONDS: Final = 5.0

_OPEN_STATE: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_MISSING: Final = -1  # instead of a descriptor
_GONE: Final = "is missing with all that it held; look who removed it: the next record makes it"
_MORE_ROOM: Final = "make room on its file system, or raise the file size limit"
_INIT: Final = "bpc-ssh-guardctl log init begins a log"
_ADVICE: Final = {
    errno.ENOENT: "make the folder above it",
    errno.ENOTDIR: "name a folder that is no symbolic link",
    errno.ELOOP: "put a regular file there, no symbolic link",
    errno.EISDIR: "put a regular file there, no folder",
    errno.EACCES: "let the guard's account write there",
    errno.EPERM: "let the guard's account write there",
    errno.EROFS: "mount its file system writable",
    errno.ENOSPC: _MORE_ROOM,
    errno.EDQUOT: "make room in its quota",
    errno.EFBIG: _MORE_ROOM,
    errno.EEXIST: "look who made it, and move it away",
    errno.ETIMEDOUT: "end the process that locks it",
}


class Kind:
    """What a record is about, which says what may happen to it when space or time is short."""

    START: Final = "start"  # allows a command: not beyond the day's bytes, nor on a full disk
    END: Final = "end"  # too late to refuse, and shorter than its start: it may use the reserve
    REFUSAL: Final = "refusal"  # so many per minute and key, and day; may use the reserve
    OTHER: Final = "other"  # as a start: a key can ask for its greeting without end, too


class Checkpoint:
    """That the first `sequence` records of `chain` end in `head`, with the proof for a nonce.

    `lines` are those that were written to record it.
    """

    __slots__ = ("chain", "head", "lines", "proof", "sequence")
    chain: Final[bytes]
    sequence: Final[int]
    head: Final[bytes]
    proof: Final[bytes]
    lines: Final[Sequence[bytes]]

    def __init__(
        self, chain: bytes, sequence: int, head: bytes, proof: bytes, lines: Sequence[bytes] = ()
    ) -> None:
        self.chain = chain
        self.sequence = sequence
        self.head = head
        self.proof = proof
        self.lines = lines


class Sink:
    """The open log. Use it from the main thread: the lock's deadline is a signal.

    `policy`: path and SHA-256 of the policy in force, if one is; a change of it is recorded.
    """

    __slots__ = ("_folder", "_log", "_state_path", "directory", "policy")
    directory: Final[bytes]

    def __init__(self, directory: bytes, log: int, state_path: bytes, folder: int) -> None:
        self.directory = directory
        self._log = log  # _MISSING until the first record makes it
        self._state_path: Final = state_path
        self._folder: Final = folder
        self.policy: Optional[tuple[bytes, str]] = None

    @classmethod
    def open(cls, directory: bytes, state: bytes) -> Sink:
        """Open the log in DIRECTORY, whose last component may be missing, with its STATE folder.

        Nothing is changed: what is missing, the first record makes. Raises
        GuardFailure(cannot-record), as all methods do.
        """
        directory = directory.rstrip(b"/") or b"/"  # a slash at the end would follow a link
        log = _open_directory(directory)
        try:
            return cls(directory, log, state, _open_state_folder(state))
        except BaseException:
            if log != _MISSING:
                os.close(log)
            raise

    def append(
        self, record: bytes, kind: str = Kind.OTHER, key: tuple[str, str] = NOBODY
    ) -> list[bytes]:
        """Append RECORD, `{…}` and LF, durably; return the lines that were written for it.

        KEY, label and KEYID, is what the log's bounds count by: a refusal beyond them is counted
        and not written, and what could be refused raises.
        """
        return self._with(lambda held: self._append(held, record, kind, key))

    def checkpoint(self, record: bytes, nonce: bytes) -> Checkpoint:
        """Append RECORD and return the checkpoint behind it, proved for NONCE of 16 to 32 bytes."""

        def append_and_prove(held: Held) -> Checkpoint:
            lines = self._append(held, record, Kind.OTHER, NOBODY)
            end = held.chain
            proof = seal.proof(end.key, held.chain_id, end.sequence, end.head, nonce)
            return Checkpoint(held.chain_id, end.sequence, end.head, proof, lines)

        return self._with(append_and_prove)

    def inspect(self) -> Block:
        """Return the state of the log, locked meanwhile, and change nothing."""
        return self._with(Held.inspect, look_only=True)

    def owe_end(self, entity_id: str) -> None:
        """Note that the end of the run ENTITY_ID is missing, for a later record to say."""
        from .own import Recovered

        self._with(lambda held: held.owe(Recovered.END_RECORD_LOST, entity_id))

    def close(self) -> None:
        """Close the folders."""
        if self._log != _MISSING:
            os.close(self._log)
        os.close(self._folder)

    def _append(
        self, held: Held, record: bytes, kind: str, key: tuple[str, str]
    ) -> list[bytes]:
        reserved = kind in (Kind.END, Kind.REFUSAL)
        if not reserved:
            held.pay()
        if record and not reserved:
            self._require_room(held, key)
        self._note_policy(held)
        now, boottime = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        _tell_suppressed(held, now, boottime)
        if kind == Kind.REFUSAL:
            held.notes.changed = True
            if not held.notes.buckets.setdefault(key, Bucket()).take(boottime, now):
                record = b""
        return held.write(record, reserved, key)

    def _require_room(self, held: Held, key: tuple[str, str]) -> None:
        """Require that the day has bytes left, of the log and of KEY."""
        bucket = held.notes.buckets.get(key)
        if bucket is not None and bucket.is_spent():
            what = f"Key {key[0]} {key[1]} has {KEY_DAY_BYTES >> 20} MiB of today already"
        elif held.written_today() >= DAY_BYTES:
            what = f"it has {DAY_BYTES >> 20} MiB of today already"
        else:
            return
        _refuse(self.directory, f"{what}; look who floods it, or wait for the next day (UTC)")

    def _note_policy(self, held: Held) -> None:
        notes = held.notes
        if self.policy is None or notes.policy == self.policy[1]:
            return
        if notes.policy:
            from .own import policy_changed

            held.add_due(policy_changed(*self.policy, notes.policy))
        notes.policy, notes.changed = self.policy[1], True

    def _with(self, action: Callable[[Held], _Result], look_only: bool = False) -> _Result:
        """Return what ACTION does with the log held and found as its state says, or made good.

        LOOK_ONLY: neither is it made good, nor anything stored.
        """
        lock = self._open_state()
        try:
            return self._with_state(lock, action, look_only)
        finally:
            os.close(lock)  # and with it the lock: no other process shares it

    def _open_state(self) -> int:
        try:
            return os.open(STATE, _OPEN_STATE, dir_fd=self._folder)
        except FileNotFoundError:
            _refuse(self._path_of(STATE), f"is missing; {_INIT}")
        except OSError as error:
            _fail(self._path_of(STATE), error)

    def _with_state(
        self, lock: int, action: Callable[[Held], _Result], look_only: bool
    ) -> _Result:
        if self._log == _MISSING:
            if look_only:
                _refuse(self.directory, _GONE)
            self._log = self._make_directory()
        held = Held(self._log, self._folder, lock)
        try:
            state_folder.lock(lock, LOCK_SECONDS)
            segment.require_closed_to_others(os.fstat(lock))
            if not self._is_in_place(lock):  # the old state would go on with the old chain
                _refuse(self._path_of(STATE), "was moved aside meanwhile; try again")
            if look_only:
                return action(held)
            held.open()
            result = action(held)
            held.store_notes()
            return result
        except segment.Unsafe as problem:
            _refuse(self._path_of(held.at), str(problem))
        except OSError as error:
            _fail(self._path_of(held.at), error)
        except Damaged as problem:
            what = f"{problem}; put the true one back, or begin anew: {_INIT}"
            _refuse(self._path_of(STATE), what)
        finally:
            held.close()

    def _make_directory(self) -> int:
        try:
            return segment.make_folder(self.directory)
        except segment.Unsafe as problem:
            _refuse(self.directory, str(problem))
        except OSError as error:
            _fail(self.directory, error)

    def _is_in_place(self, state: int) -> bool:
        """Tell whether the open STATE is still the one that the next guard will open."""
        try:
            there = os.stat(STATE, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(state), there)

    def _path_of(self, name: bytes) -> bytes:
        above = self.directory if segment.first_of(name) >= 0 else self._state_path
        return above + b"/" + name


def _tell_suppressed(held: Held, now: int, boottime: int) -> None:
    """Make due what was left out a minute ago, and forget the keys that are quiet since."""
    for key, bucket in list(held.notes.buckets.items()):
        if bucket.is_due(now):
            members: list[Member] = [("bpc.key.label", key[0]), ("bpc.key.id", key[1])]
            from .own import refusals_suppressed

            held.add_due(refusals_suppressed(members, bucket.count, bucket.start, bucket.end))
            bucket.count, held.notes.changed = 0, True
        elif bucket.is_idle(boottime):
            del held.notes.buckets[key]
            held.notes.changed = True


def _open_directory(directory: bytes) -> int:
    """Return a descriptor of DIRECTORY, _MISSING without one; raises GuardFailure."""
    try:
        return segment.open_folder(directory)
    except FileNotFoundError:
        return _MISSING
    except segment.Unsafe as problem:
        _refuse(directory, str(problem))
    except OSError as error:
        _fail(directory, error)


def _open_state_folder(state: bytes) -> int:
    try:
        return state_folder.open_folder(state)
    except FileNotFoundError:
        _refuse(state, f"is missing; {_INIT}")
    except GuardFailure as failure:
        raise GuardFailure(Reason.CANNOT_RECORD, failure.detail) from None


def _fail(path: bytes, error: OSError) -> NoReturn:
    what = error.strerror or "unknown error"
    advice = _ADVICE.get(error.errno or 0, "look at its file system")
    _refuse(path, f"{what[:1].lower()}{what[1:]}; {advice}")


def _refuse(path: bytes, what: str) -> NoReturn:
    raise GuardFailure(Reason.CANNOT_RECORD, f"{text(path)}: {what}") from None
