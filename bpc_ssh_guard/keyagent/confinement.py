"""What a rotation key's run gives up before it serves: it writes three folders and runs nothing.

A fault in what follows could reach the keys file, the state and the log, which are its work anyway.
"""

from __future__ import annotations

import os

from ..errors import GuardFailure
from ..policy.model import Confine
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..policy.model import Policy


def shrink(policy: Policy, keys_path: str) -> None:
    """Give up for good what a change of the file KEYS_PATH doesn't need, as far as Confine asks.

    A kernel without Landlock takes the capabilities alone. Raises GuardFailure(cannot-confine)
    under Confine strict.
    """
    if policy.confine == Confine.OFF:
        return
    folder = os.fsencode(os.path.dirname(os.path.abspath(keys_path)))
    try:
        _shrink((folder, policy.state, policy.log))
    except OSError as error:
        if policy.confine == Confine.STRICT:
            raise GuardFailure(Reason.CANNOT_CONFINE, error.strerror or str(error)) from None


def _shrink(folders: tuple[bytes, ...]) -> None:
    from ..confine import capabilities, landlock  # not where Confine is off
    from ..confine.places import Pathfinder

    # To replace a file of another account, in its folder, with owner and mode as they were.
    kept = capabilities.CHOWN | capabilities.DAC_OVERRIDE | capabilities.FOWNER
    rules = None
    version = landlock.abi()
    if landlock.suffices(version, writable=True):
        rules = landlock.ruleset(
            version, [(b"/", landlock.READ_TREE)], folders, landlock.WRITE_TREE, Pathfinder()
        )
    if os.geteuid() == 0:
        capabilities.limit_root(kept)
    else:
        capabilities.lower(0)
    capabilities.forbid_new_privileges()
    if rules is not None:
        rules.enforce()
