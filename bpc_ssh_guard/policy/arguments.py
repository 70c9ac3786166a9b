"""The words of the forced command: which policy, and whose key sshd has let in."""

from __future__ import annotations

from ..errors import GuardFailure
from ..vocabulary import Reason, is_authority_id, is_key_id, is_label
from .model import DEFAULT_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(argv: Sequence[bytes]) -> tuple[bytes, bytes, bytes]:
    """Return policy path, label and KEYID; raises GuardFailure(bad-usage)."""
    policy = DEFAULT_PATH
    if len(argv) == 4 and argv[0] == b"--policy":
        policy, argv = argv[1], argv[2:]
    named = len(argv) == 2 and is_label(argv[0])
    if not named or not (is_key_id(argv[1]) or is_authority_id(argv[1])) or policy[:1] != b"/":
        usage = "usage: bpc-ssh-guard [--policy /FILE] LABEL KEYID"
        raise GuardFailure(Reason.BAD_USAGE, f"{usage}; guardctl authorize writes the line")
    return policy, argv[0], argv[1]
