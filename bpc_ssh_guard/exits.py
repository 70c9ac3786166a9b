"""Exit statuses: the guard's own are those of timeout(1), so that rsync and ssh read them right."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# The guard. Everything below 125 is the child's own.
GUARD_FAILED: Final = 125
REFUSED: Final = 126
NOT_FOUND: Final = 127
SIGNALLED: Final = 128  # plus the signal's number

# The tools.
YES: Final = 0
NO: Final = 1
COULD_NOT_RUN: Final = 2
