"""The two ways a command does not run: the answer is no, or the guard can't do its work."""

from __future__ import annotations

import os

from . import exits
from .vocabulary import FAILURES, PROGRAM_NAME, Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional


class Refused(Exception):
    """The decision is no, for a `reason` of vocabulary.Reason; `detail` is never for the peer.

    `offset` is the first offending byte: in the command, or in the secluded list when `in_list`.
    `needs` names the features that the policy would have to accept.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        offset: Optional[int] = None,
        in_list: bool = False,
        needs: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason, detail)
        self.reason: Final = reason
        self.detail: Final = detail
        self.offset: Final = offset
        self.in_list: Final = in_list
        self.needs: Final = needs


class GuardFailure(Exception):
    """The guard's side is broken: `reason` of vocabulary.FAILURES, `detail` for the admin."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Final = reason
        self.detail: Final = detail


def tell(reason: str) -> int:
    """Give the peer its one line; return the exit status that belongs to REASON."""
    verb = "failed" if reason in FAILURES else "refused"
    os.write(2, f"{PROGRAM_NAME}: {verb} ({reason})\n".encode("ascii"))
    if reason == Reason.EXEC_FAILED:
        return exits.NOT_FOUND
    return exits.GUARD_FAILED if reason in FAILURES else exits.REFUSED
