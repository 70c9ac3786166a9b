"""The two ways a command does not run: the answer is no, or the guard can't do its work."""

from __future__ import annotations

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
