"""The largest inputs of several kinds of bytes, each given to a whole guard and decided.

The figures hold the interpreter's start and the record too, so the parse alone costs less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..commands import SECLUDED, secluded_list, tar_backup, visible
from ..harness import Candidate, interleave
from ..outcome import Comparison, Line
from ..stub import EXECUTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness import Samples
    from ..stage import Stage

MILLISECONDS = 50.0
REFUSED = frozenset((126,))
ALLOWED = frozenset((EXECUTED,))
# The kernel's limit for one variable of the environment (execve(2)), NAME= and NUL taken off.
LONGEST_VARIABLE = 131072 - len("SSH_ORIGINAL_COMMAND=") - 1
# The guard's own limits (the corpus' README): what is longer is refused unread.
LONGEST_COMMAND = 65536
MOST_ARGUMENTS = 1000
KINDS = {
    "blank words": b"a ",
    "one word": b"a",
    "quotes": b"'a'",
    "escapes": b"\\$",
    "bytes 0xff": b"\xff",
}


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Time every input in the same rounds: the longest there is and the longest that is read."""
    samples = interleave(list(_candidates(stage)), rounds, stage.progress)
    return [_line(each) for each in samples.values()]


def _candidates(stage: Stage) -> Iterator[Candidate]:
    argv, share = stage.guard_argv(stubbed=True), stage.share + "/"

    def candidate(
        name: str, command: bytes, expect: frozenset[int] = REFUSED, stdin: bytes = b""
    ) -> Candidate:
        env = stage.environment(SSH_ORIGINAL_COMMAND=command)
        return Candidate(name, argv, env, expect, stdin)

    for kind, unit in KINDS.items():
        yield candidate(f"128 KiB of {kind}", _filled(b"", unit, LONGEST_VARIABLE))
    beginning = visible(share).encode()
    for kind, unit in KINDS.items():
        command = _filled(beginning, unit, LONGEST_COMMAND)
        yield candidate(f"64 KiB: backup + {kind}", command)
    short = _paths(share, 64000 // (len(share) + len("0000n ")), 64000)
    yield candidate(f"64 KiB: backup of {len(short)} paths", visible(*short).encode(), ALLOWED)
    # A component has at most 255 bytes, each of them with a backslash in front.
    escaped = _paths(share, 64000 // (len(share) + len("0000 ") + 400), 64000, "\\$")
    yield candidate("64 KiB: backup, paths of escapes", visible(*escaped).encode(), ALLOWED)
    names = tar_backup(share, [f"./{number:04}nnnnnn" for number in range(4000)])
    yield candidate("64 KiB: tar backup of 4000 names", names.encode(), ALLOWED)
    listed = secluded_list(*_paths(share, MOST_ARGUMENTS - 10, 1 << 17))
    yield candidate("128 KiB list of 1000 arguments", SECLUDED.encode(), ALLOWED, listed)
    endless = b"rsync\0" + b"\xff" * (1 << 17)
    yield candidate("128 KiB list, one argument 0xff", SECLUDED.encode(), REFUSED, endless)


def _filled(beginning: bytes, unit: bytes, length: int) -> bytes:
    """Return BEGINNING and as many whole UNITs as LENGTH admits."""
    return beginning + unit * ((length - len(beginning)) // len(unit))


def _paths(share: str, count: int, length: int, unit: str = "n") -> list[str]:
    """Return COUNT paths below SHARE, each filled with UNIT, together about LENGTH bytes long."""
    each = length // count - len(share) - len("0000 ")
    return [f"{share}{number:04}{unit * (each // len(unit))}" for number in range(count)]


def _line(samples: Samples) -> Line:
    cpu, wall = samples.cpu, samples.wall
    return Line(
        samples.candidate.name,
        "ms",
        cpu,
        (
            Comparison("CPU median", cpu.median, MILLISECONDS),
            Comparison(
                f"{wall.best:.1f} ms wall, best", wall.best, MILLISECONDS,
                noise=wall.best * wall.spread,
            ),
        ),
        also={"wall": wall},
    )
