"""What the log remembers beside its chain: last policy, floods by key, the day's bytes, debts.

Its loss costs a repeated policy-changed and the day's counts, so it is replaced without a sync and
an unreadable one is begun anew.
"""

from __future__ import annotations

import os

from .flood import CHARGE, Bucket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NAME: Final = b"aux"
LIMIT: Final = 64 * 1024
BUCKETS: Final = 256  # more keys than any policy has; the oldest are forgotten

DEBTS: Final = 64  # beyond that the runs are not told apart: the notes stay below their LIMIT
DEBT_OF: Final = ":"  # between a debt's code and the run that it is about

_BESIDE: Final = b".aux.new"  # one name: only who holds the lock writes it
_MODE: Final = 0o600
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Notes:
    """The notes; `changed` says that they are to be stored."""

    __slots__ = ("buckets", "changed", "day", "day_bytes", "debts", "policy")

    def __init__(self) -> None:
        self.policy = ""
        self.day = ""
        self.day_bytes = 0  # of the segments closed on that day, less those of the day before
        self.debts: list[str] = []  # codes of log-recovered that are due, some with a run
        self.buckets: dict[tuple[str, str], Bucket] = {}  # by key label and KEYID
        self.changed = False

    @classmethod
    def read(cls, folder: int) -> Notes:
        """Return the notes in the open FOLDER, empty where there are none that can be read."""
        notes = cls()
        try:
            descriptor = os.open(NAME, _READ, dir_fd=folder)
        except OSError:
            return notes
        try:
            for line in os.read(descriptor, LIMIT).decode("ascii").splitlines():
                notes._take(line.split(" "))
        except (OSError, ValueError):
            return cls()
        finally:
            os.close(descriptor)
        return notes

    def charge(self, key: tuple[str, str], before: int, after: int) -> None:
        """Charge KEY, label and KEYID, for the bytes of log from BEFORE to AFTER."""
        pieces = after // CHARGE - before // CHARGE
        if pieces:
            self.buckets.setdefault(key, Bucket()).charged += pieces * CHARGE
            self.changed = True

    def owe(self, code: str, entity_id: str) -> None:
        """Note that CODE is due, of the run ENTITY_ID where it is about one."""
        debt = f"{code}{DEBT_OF}{entity_id}" if entity_id and len(self.debts) < DEBTS else code
        if debt not in self.debts:
            self.debts.append(debt)
        self.changed = True

    def begin_day(self, today: str, day_bytes: int) -> None:
        """Count from DAY_BYTES again, and no key has a charge."""
        self.day, self.day_bytes, self.changed = today, day_bytes, True
        for bucket in self.buckets.values():
            bucket.charged = 0

    def _take(self, words: list[str]) -> None:
        """Take one line; raises ValueError for any that `write` doesn't write."""
        kind, *values = words
        if kind == "policy":
            (self.policy,) = values
        elif kind == "day":
            self.day, amount = values
            self.day_bytes = int(amount)
        elif kind == "debt":
            self.debts += values
        elif kind == "key":
            label, key_id, *numbers = values
            self.buckets[label, key_id] = Bucket(*map(int, numbers))
        else:
            raise ValueError(kind)

    def write(self, folder: int) -> None:
        """Replace the notes in the open FOLDER; what can't be stored is lost."""
        lines = [f"policy {self.policy}", f"day {self.day} {self.day_bytes}"]
        lines += [f"debt {code}" for code in self.debts]
        for (label, key_id), bucket in list(self.buckets.items())[-BUCKETS:]:
            lines.append(f"key {label} {key_id} {' '.join(map(str, bucket.values()))}")
        try:
            descriptor = os.open(_BESIDE, _WRITE, _MODE, dir_fd=folder)
            try:
                os.write(descriptor, ("\n".join(lines) + "\n").encode("ascii"))
            finally:
                os.close(descriptor)
            os.rename(_BESIDE, NAME, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            return
