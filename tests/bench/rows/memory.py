"""The memory a guard holds while its transfer is open: a real rsync client pulls slowly through it.

The client's remote shell is a script that hands the command on as sshd does, without the network.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import remote_shell
from ..harness import TIME_LIMIT, CannotMeasure
from ..outcome import Comparison, Line
from ..processes import Memory, descendants
from ..samples import Series
from ..stage import PYTHON, RSYNC

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..stage import Stage

MEGABYTES = 12.0
AT_ONCE = 20
SIZE = 1 << 20
RATE = 700  # KiB a second: each pull lasts nearly two seconds
PAUSE = 0.1


@dataclass
class Pull:
    """A running client and the most that the guard beneath it was seen to hold, in MB."""

    client: subprocess.Popen[bytes]
    _peaks: dict[int, float] = field(default_factory=dict)
    _shares: dict[int, float] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    @property
    def peak(self) -> float:
        """Resident, the maximum over its life; of all processes if the guard has several."""
        return sum(self._peaks.values())

    @property
    def share(self) -> float:
        """The largest proportional share."""
        return sum(self._shares.values())

    def look(self) -> None:
        """Note the guard's processes; one seen but once was on its way to become rsync."""
        for pid in descendants(self.client.pid):
            memory = Memory.of(pid)
            if memory is None or memory.program != os.path.realpath(PYTHON):
                continue
            if pid in self._seen:
                self._peaks[pid] = max(self._peaks.get(pid, 0.0), memory.peak)
                self._shares[pid] = max(self._shares.get(pid, 0.0), memory.share)
            self._seen.add(pid)

    def require_success(self) -> None:
        """Raise unless the client pulled everything through a guard that waited for it."""
        said = self.client.communicate(timeout=TIME_LIMIT)[1].decode("utf-8", "backslashreplace")
        if self.client.returncode != 0 or not self._peaks:
            raise CannotMeasure(
                f"the slow pull ended with {self.client.returncode} after "
                f"{len(self._peaks)} waiting guards; it says: {said.strip()[-300:]}"
            )


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Pull through guard and rrsync, one connection at a time and then 20 at once."""
    root = stage.folder("memory")
    for number in range(AT_ONCE):
        with open(os.path.join(stage.folder(f"memory/{number}"), "file"), "wb") as file:
            file.write(os.urandom(SIZE))
    guard = remote_shell.write(stage, "guard", stage.guard_argv(root=root))
    script = stage.rrsync()

    def by_guard(number: int) -> list[str]:
        return ["-s", "-e", guard, f"host:{root}/{number}/"]

    def by_rrsync(number: int) -> list[str]:
        # It locks its folder, so that each connection needs one of its own; it refuses -s.
        restricted = [script, os.path.join(root, str(number))]
        return ["-e", remote_shell.write(stage, f"rrsync-{number}", restricted), "host:./"]

    return _lines(
        "guard", stage.rrsync_name,
        [[_pulled(stage, way, count) for _ in range(times)]
         for way in (by_guard, by_rrsync)
         for count, times in ((1, rounds), (AT_ONCE, 1))],
    )


def _pulled(stage: Stage, way: Callable[[int], list[str]], count: int) -> list[Pull]:
    """Pull COUNT folders at once by WAY to the end and return what was seen meanwhile."""
    stage.progress(f"{count} slow pulls")
    target = os.path.join(stage.bulk, "slow")
    pulls: list[Pull] = []
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, target, ignore_errors=True)
        os.mkdir(target)
        for number in range(count):
            client = subprocess.Popen(
                [RSYNC, "-a", f"--bwlimit={RATE}", *way(number), f"{target}/{number}/"],
                env=stage.environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
            stack.callback(_end, client)
            pulls.append(Pull(client))
        while any(pull.client.poll() is None for pull in pulls):
            for pull in pulls:
                pull.look()
            time.sleep(PAUSE)
        for pull in pulls:
            pull.require_success()
    return pulls


def _end(client: subprocess.Popen[bytes]) -> None:
    if client.poll() is None:
        client.kill()
    client.wait()


def _lines(guard: str, rrsync: str, found: list[list[list[Pull]]]) -> list[Line]:
    """Return the lines for what _pulled FOUND: guard one and 20 at once, then rrsync the same."""
    lines = []
    for name, (alone, together) in ((guard, found[:2]), (rrsync, found[2:])):
        limit = MEGABYTES if name == guard else None
        peaks = Series(tuple(pulls[0].peak for pulls in alone))
        shares = Series(tuple(pull.share for pulls in together for pull in pulls))
        lines.append(_line(f"{name}: resident", peaks, limit))
        lines.append(_line(f"{name}: share of each of {AT_ONCE}", shares, limit))
    return lines


def _line(name: str, series: Series, limit: float | None) -> Line:
    worst = max(series.values)
    return Line(name, "MB", series, (Comparison(f"{worst:.1f} MB at most", worst, limit),))
