"""The second barrier of a grant: outside of it sshd itself refuses the key, by `expiry-time=`.

Lines that are staged keep the end they have; the guard refuses their restores by itself.
"""

from __future__ import annotations

import os

from ..authorized_keys import ManagedLine, expiry
from ..authorized_keys.file import MAX_SIZE, KeysFile
from ..policy.model import DEFAULT_PATH
from ..state import OPEN
from ..vocabulary import PROGRAM_NAME
from .greeting import keys_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from ..policy.model import Policy


class Barrier:
    """The lines of LABEL's confirmed keys in the locked FILE, None where there are none to set.

    It is a context. Raises GuardFailure, as the file does.
    """

    __slots__ = ("_file", "_label", "_policy")

    def __init__(self, policy: Policy, label: bytes, file: Optional[KeysFile]) -> None:
        self._policy: Final = policy
        self._label: Final = label
        self._file: Final = file

    @classmethod
    def of(cls, policy: Policy, label: bytes) -> Barrier:
        """Lock the file of POLICY if it has lines of LABEL."""
        path = keys_path(policy)
        named = _has_line_of(path, label)
        return cls(policy, label, KeysFile.locked(path) if named else None)

    def __enter__(self) -> Barrier:
        return self

    def __exit__(self, *arguments: object) -> None:
        if self._file is not None:
            self._file.__exit__(*arguments)

    def open_until(self, seconds: int) -> None:
        """Let sshd take the keys until SECONDS after the epoch."""
        self._set(expiry.at(seconds))

    def close(self) -> None:
        """Let sshd take the keys no more."""
        self._set(expiry.PAST)

    def _set(self, end: bytes) -> None:
        if self._file is None:
            return
        changes = {}
        for number, line in enumerate(self._file.lines, 1):
            managed = ManagedLine.from_line(line)
            if managed is not None and self._is_meant(managed) and managed.expiry != end:
                changes[number] = managed.until(end)
        if changes:
            self._file.put(changes)

    def _is_meant(self, line: ManagedLine) -> bool:
        same_policy = (line.command.policy or DEFAULT_PATH) == self._policy.path
        return line.mark.label == self._label and not line.mark.staged and same_policy


def _has_line_of(path: str, label: bytes) -> bool:
    """Tell whether the file at PATH may hold a managed line of LABEL; nothing there makes it wait.

    What it can't be read for is told when it is locked, where it has to be.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | OPEN)
        with open(descriptor, "rb") as file:
            return b" %b:%b:" % (PROGRAM_NAME.encode("ascii"), label) in file.read(MAX_SIZE)
    except OSError:
        return False
