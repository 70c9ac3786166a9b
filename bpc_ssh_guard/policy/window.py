"""Grants: the hours in which a restore key may work, kept where only root can write.

A grant ends by the wall clock, also over a reboot. The boot clock ends it too, which nobody can
set: a wall clock that was set back does not prolong it by more than the reboots in between.
"""

from __future__ import annotations

import os
import time

from .. import state as state_folder
from ..command.paths import find_fault, is_beneath
from ..command.text import find_control
from ..errors import GuardFailure, Refused
from ..vocabulary import KEY_ID_LENGTH, Operation, Reason, is_key_id
from .model import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final, Optional

    from .model import Block

FOLDER: Final = b"grants"
SHORTEST: Final = 60  # seconds
LONGEST: Final = 7 * 24 * 60 * 60
MAX_GRANT: Final = 16 * 1024  # some paths and a reason
MAX_REASON: Final = 1024
IDENTITY_BYTES: Final = KEY_ID_LENGTH // 2

_BOOT_ID: Final = b"/proc/sys/kernel/random/boot_id"
_NANOSECONDS: Final = 1_000_000_000
_MAX_DIGITS: Final = 19
_MAX_WORD: Final = 64


class Grant:
    """One grant: seconds of the wall clock, nanoseconds of the boot clock, roots it narrows to."""

    __slots__ = ("boot", "boottime_ns", "identity", "opened", "opener", "paths", "reason", "until")
    identity: Final[bytes]  # 32 hex digits
    opened: Final[int]
    until: Final[int]
    boot: Final[bytes]
    boottime_ns: Final[int]
    paths: Final[tuple[bytes, ...]]  # () for every root of the key's block
    reason: Final[bytes]
    opener: Final[int]  # uid of the account that opened it

    def __init__(
        self,
        identity: bytes,
        opened: int,
        until: int,
        boot: bytes,
        boottime_ns: int,
        paths: tuple[bytes, ...] = (),
        reason: bytes = b"",
        opener: int = 0,
    ) -> None:
        self.identity = identity
        self.opened = opened
        self.until = until
        self.boot = boot
        self.boottime_ns = boottime_ns
        self.paths = paths
        self.reason = reason
        self.opener = opener

    def is_open(self, clock: Clock) -> bool:
        """Tell whether the grant still lasts at CLOCK."""
        if not self.opened <= clock.wall < self.until:
            return False
        # A boot after the grant's began after it, so all of its time counts.
        begin = self.boottime_ns if clock.boot == self.boot else 0
        return 0 <= clock.boottime_ns - begin < (self.until - self.opened) * _NANOSECONDS

    def to_bytes(self) -> bytes:
        """Return the file's content: a name, a blank and a value a line, the reason last."""
        lines = [
            b"id " + self.identity,
            b"opened %d" % self.opened,
            b"until %d" % self.until,
            b"boot " + self.boot,
            b"boottime %d" % self.boottime_ns,
            b"opener %d" % self.opener,
            *(b"path " + path for path in self.paths),
            b"reason " + self.reason,
        ]
        return b"\n".join(lines) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Grant:
        """Return the grant that DATA writes; raises ValueError.

        Whatever was cut off, added or put elsewhere is an error: a grant that lost the line of a
        path would open every root.
        """
        *lines, rest = data.split(b"\n")
        if rest or len(data) > MAX_GRANT or len(lines) < 7:
            raise ValueError("cut off or too long")
        names = (b"id", b"opened", b"until", b"boot", b"boottime", b"opener")
        identity, *times, opener = (
            _value(line, name) for line, name in zip(lines, names)
        )
        grant = cls(
            identity, _number(times[0]), _number(times[1]), times[2], _number(times[3]),
            tuple(_value(line, b"path") for line in lines[6:-1]), _value(lines[-1], b"reason"),
            _number(opener),
        )
        grant.require_valid()
        return grant

    def require_valid(self) -> None:
        """Raise ValueError for a value that no grant has."""
        if not is_key_id(self.identity):  # the same form: 32 hex digits
            raise ValueError("malformed id")
        if not SHORTEST <= self.until - self.opened <= LONGEST:
            raise ValueError("lasts too short or too long")
        if any(find_fault(path) is not None for path in self.paths):
            raise ValueError("malformed path")
        if find_control(self.reason) is not None or len(self.reason) > MAX_REASON:
            raise ValueError("malformed reason")
        if find_control(self.boot) is not None or len(self.boot) > _MAX_WORD:
            raise ValueError("malformed boot id")


class Clock:
    """The time by both clocks, and the boot that the second one counts from."""

    __slots__ = ("boot", "boottime_ns", "wall")
    wall: Final[int]
    boottime_ns: Final[int]
    boot: Final[bytes]

    def __init__(self, wall: int, boottime_ns: int, boot: bytes) -> None:
        self.wall = wall
        self.boottime_ns = boottime_ns
        self.boot = boot

    @classmethod
    def now(cls) -> Clock:
        """Return the time of this moment; raises GuardFailure(bad-grant)."""
        try:
            with open(_BOOT_ID, "rb") as file:
                boot = file.read(_MAX_WORD).strip()
        except OSError as error:
            raise GuardFailure(
                Reason.BAD_GRANT, f"the boot's id can't be read: {error.strerror}; mount /proc"
            ) from None
        # CLOCK_BOOTTIME counts the time asleep too, CLOCK_MONOTONIC does not (clock_gettime(2)).
        return cls(int(time.time()), time.clock_gettime_ns(time.CLOCK_BOOTTIME), boot)


def find_open(state: bytes, block: Block) -> Optional[Grant]:
    """Return the grant under which BLOCK's restores run now; None where none is open or needed.

    Raises GuardFailure(bad-grant).
    """
    if block.operation != Operation.RESTORE or block.window == Window.ALWAYS:
        return None
    grant = read(state, block.label)
    return grant if grant is not None and grant.is_open(Clock.now()) else None


def find_usable(state: bytes, block: Block) -> Optional[Grant]:
    """Return the same grant, if it leads nowhere outside of BLOCK's roots; raises Refused too."""
    grant = find_open(state, block)
    if grant is not None:
        require_within(grant.paths, block.roots)
    return grant


def read(state: bytes, label: bytes) -> Optional[Grant]:
    """Return the grant of LABEL in the folder STATE, open or over; None without one.

    Raises GuardFailure(bad-grant) for one that others could have written, or that is malformed.
    """
    try:
        folder = state_folder.open_folder(state, FOLDER)
    except FileNotFoundError:
        return None
    try:
        return read_from(folder, label, os.path.join(state, FOLDER, label))
    finally:
        os.close(folder)


def read_from(folder: int, label: bytes, path: bytes) -> Optional[Grant]:
    """Return the grant of LABEL in the open FOLDER; PATH is its name for complaints."""
    try:
        descriptor = os.open(label, os.O_RDONLY | state_folder.OPEN, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, f"can't be opened: {error.strerror}", label) from None
    try:
        state_folder.require_file(path, os.fstat(descriptor))
        data = os.read(descriptor, MAX_GRANT + 1)
    finally:
        os.close(descriptor)
    try:
        return Grant.from_bytes(data)
    except ValueError as error:
        raise _unusable(path, f"is no grant: {error}", label) from None


def require_within(paths: Iterable[bytes], roots: Sequence[bytes]) -> None:
    """Refuse a granted path below one of ROOTS from which a symbolic link leads out of it.

    Who restores into a root can put a link there, and would choose by it what the next grant opens.
    """
    for path in paths:
        holding = [root for root in roots if is_beneath(path, root)]
        real = os.path.realpath(path)
        if holding and not any(is_beneath(real, os.path.realpath(root)) for root in holding):
            shown, target = (each.decode("utf-8", "backslashreplace") for each in (path, real))
            detail = f"a symbolic link leads from the granted {shown} to {target}; take it away"
            raise Refused(Reason.OUTSIDE_ROOTS, detail)


def _value(line: bytes, expected: bytes) -> bytes:
    name, blank, value = line.partition(b" ")
    if name != expected or not blank:
        raise ValueError(f"no line {expected.decode('ascii')} in its place")
    return value


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        raise ValueError("malformed number")
    return int(text)


def _unusable(path: bytes, complaint: str, label: bytes) -> GuardFailure:
    advice = f"bpc-ssh-guardctl grant --revoke {label.decode('ascii')} removes it"
    return state_folder.failure(path, f"{complaint}; {advice}")
