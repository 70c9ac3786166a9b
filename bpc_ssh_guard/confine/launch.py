"""Start the program in a world of constants and wait for it, off the data path.

The child inherits standard input, output and error and nothing else: no other descriptor, no
variable, no signal setting. The parent lets go of the three, waits, and tells how it ended.
"""

from __future__ import annotations

import errno
import os
import resource
import time

from .. import packed
from ..errors import GuardFailure
from ..lean import (
    SIG_DFL,
    SIG_IGN,
    SIG_SETMASK,
    SIGHUP,
    SIGINT,
    SIGPIPE,
    SIGTERM,
    SIGXFSZ,
    pthread_sigmask,
    signal,
)
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Optional

    from .profile import Prepared

# HOME names no folder: rsync would read option aliases from ~/.popt. LC_ALL=C gives tar and rsync
# the language that BackupPC parses.
ENVIRONMENT: Final = {b"PATH": b"/usr/bin:/bin", b"HOME": b"/nonexistent", b"LC_ALL": b"C"}
UMASK: Final = 0o077
DIRECTORY: Final = b"/"

_FORWARDED: Final = SIGTERM  # sshd's own at shutdown; the peer can send none to a forced command
_CHILD_FAILED: Final = 125


class Launch:
    """What to start: program, argument vector, priority, and the kernel's confinement of it."""

    __slots__ = ("argv", "confinement", "executable", "io", "nice")

    def __init__(
        self,
        executable: bytes,
        argv: Sequence[bytes],
        nice: Optional[int] = None,
        io: Optional[tuple[int, int]] = None,
        confinement: Optional[Prepared] = None,
    ) -> None:
        self.executable: Final = executable
        self.argv: Final = argv
        self.nice: Final = nice
        self.io: Final = io  # class and level
        self.confinement: Final = confinement


class Ended:
    """How the child ended: status or signal, nanoseconds, bytes read and written, usage.

    Without arguments: it never became the program. Bytes are None where the kernel does not tell
    (proc(5), /proc/PID/io, rchar and wchar).
    """

    __slots__ = ("duration_ns", "read_bytes", "rusage", "signal", "status", "write_bytes")

    def __init__(
        self,
        wait_status: Optional[int] = None,
        duration_ns: int = 0,
        counts: tuple[Optional[int], Optional[int]] = (None, None),
        rusage: Optional[resource.struct_rusage] = None,
    ) -> None:
        died = wait_status is not None and os.WIFSIGNALED(wait_status)
        exited = wait_status is not None and os.WIFEXITED(wait_status)
        self.status: Final = os.WEXITSTATUS(wait_status or 0) if exited else None
        self.signal: Final = os.WTERMSIG(wait_status or 0) if died else None
        self.duration_ns: Final = duration_ns
        self.read_bytes: Final = counts[0]
        self.write_bytes: Final = counts[1]
        self.rusage: Final = rusage


def run(launch: Launch) -> Ended:
    """Run LAUNCH to its end.

    Raises GuardFailure(exec-failed) when the program is missing or can't be run, and
    GuardFailure(cannot-confine) when its surroundings can't be made.
    """
    begin = time.monotonic_ns()
    go_read, go_write = os.pipe()
    fault_read, fault_write = os.pipe()
    packed.stop()  # the child closes every descriptor that it has no use for
    child = os.fork()
    if child == 0:
        _become(launch, go_read, fault_write)
    os.close(go_read)
    os.close(fault_write)
    counters = _open_counters(child)
    _stand_by(child)
    os.write(go_write, b"g")
    os.close(go_write)
    fault = _read_fault(fault_read)
    if fault:
        os.waitpid(child, 0)
        raise _failure(launch, fault)
    _let_go()
    return _wait(child, begin, counters)


def _become(launch: Launch, go: int, fault: int) -> None:
    """Turn this process, the child, into the program; never returns."""
    stage: str = Reason.CANNOT_CONFINE
    code = errno.EINVAL
    try:
        os.read(go, 1)  # until the parent holds the counters: afterwards it may not open them
        _prepare(launch, keep=fault)
        if launch.confinement is not None:
            launch.confinement.enter_and_exec(launch.argv, ENVIRONMENT)
        stage = Reason.EXEC_FAILED
        os.execve(launch.executable, list(launch.argv), ENVIRONMENT)
    except OSError as error:
        code = error.errno or code
        if launch.confinement is not None and launch.confinement.is_complete(error):
            stage = Reason.EXEC_FAILED
    finally:  # whatever was raised: a child that is not the program must not go on as a guard
        os.write(fault, f"{stage} {code}".encode("ascii"))
        os._exit(_CHILD_FAILED)


def _prepare(launch: Launch, keep: int) -> None:
    """Give the child its surroundings; raises OSError."""
    for number in (SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXFSZ):
        signal(number, SIG_DFL)  # Python ignores two of them, and ignored stays ignored over exec
    pthread_sigmask(SIG_SETMASK, ())
    _close_all_but(keep)
    os.chdir(DIRECTORY)
    os.umask(UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if launch.nice is not None:
        os.nice(launch.nice)
    if launch.io is not None:
        from . import priority  # rarely asked for

        priority.set_io(*launch.io)


def _close_all_but(keep: int) -> None:
    """Close every descriptor above 2 but KEEP, which exec closes."""
    try:
        numbers = [int(name) for name in os.listdir(b"/proc/self/fd")]
    except OSError:
        numbers = list(range(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    for number in numbers:
        if number > 2 and number != keep:
            try:
                os.close(number)
            except OSError:
                continue  # the folder's own, closed again already


def _open_counters(child: int) -> Optional[int]:
    """Return a descriptor of the child's byte counters, opened before it can change its owner."""
    try:
        return os.open(b"/proc/%d/io" % child, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _read_fault(descriptor: int) -> bytes:
    """Return what the child says went wrong; exec closes its end and then it is b""."""
    try:
        return os.read(descriptor, 64)
    finally:
        os.close(descriptor)


def _failure(launch: Launch, fault: bytes) -> GuardFailure:
    stage, _, number = fault.decode("ascii").partition(" ")
    shown = launch.executable.decode("utf-8", "backslashreplace")
    why = os.strerror(int(number))
    if stage == Reason.EXEC_FAILED:
        return GuardFailure(stage, f"{shown}: {why}; install it, or name another in the policy")
    return GuardFailure(stage, f"the surroundings of {shown} can't be made: {why}")


def _stand_by(child: int) -> None:
    """Outlive the connection and pass a termination on, from before the child runs."""
    for number in (SIGHUP, SIGINT, SIGPIPE):
        signal(number, SIG_IGN)
    signal(_FORWARDED, lambda number, _frame: os.kill(child, number))


def _let_go() -> None:
    """Leave the three streams to the child, or the peer would never see them end."""
    null = os.open(b"/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _wait(child: int, begin: int, counters: Optional[int]) -> Ended:
    # WNOWAIT leaves a zombie, whose counters can still be read.
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    counts = _read_counters(counters)
    signal(_FORWARDED, SIG_DFL)  # the number may soon belong to another process
    _, status, rusage = os.wait4(child, 0)
    return Ended(status, time.monotonic_ns() - begin, counts, rusage)


def _read_counters(descriptor: Optional[int]) -> tuple[Optional[int], Optional[int]]:
    """Return rchar and wchar, None where unreadable."""
    if descriptor is None:
        return None, None
    try:
        text = os.pread(descriptor, 4096, 0)
    except OSError:
        return None, None
    finally:
        os.close(descriptor)
    fields = dict(line.split(b": ") for line in text.splitlines())
    return int(fields[b"rchar"]), int(fields[b"wchar"])
