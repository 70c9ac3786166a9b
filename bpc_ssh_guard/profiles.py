"""What the policy says of a key, as the profile that the kernel holds its runs to.

The guard runs by it, the doctor tries it and `check` rehearses it: one place says how they agree.
"""

from __future__ import annotations

from .confine import profile
from .confine.profile import Profile
from .vocabulary import Feature, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from .confine.profile import Prepared
    from .policy.decide import Plan
    from .policy.model import Block, Policy


def prepare(policy: Policy, block: Block, plan: Plan) -> Prepared:
    """Return the kernel's confinement of PLAN; raises GuardFailure(cannot-confine)."""
    return profile.prepare(profile_of(policy, block, plan.executable, plan.roots))


def profile_of(
    policy: Policy,
    block: Block,
    program: bytes,
    roots: Optional[tuple[bytes, ...]] = None,
    mode: Optional[str] = None,
) -> Profile:
    """Return the profile of a run of PROGRAM, its absolute path, by the key of BLOCK.

    ROOTS are those of the command, all of the block's by default. Those that a grant narrows lie
    where another restore may be writing: no symbolic link leads to them below the block's own.
    MODE is the policy's by default.
    """
    roots = block.roots if roots is None else roots
    restore = block.operation == Operation.RESTORE
    return Profile(
        block.operation, program, roots, block.never,
        devices=Feature.DEVICES in block.accept, setuid=Feature.SETUID in block.accept,
        mode=mode or policy.confine, state=policy.state,
        within=tuple(root for root in block.roots if restore and root not in roots),
    )
