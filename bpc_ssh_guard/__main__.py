"""`python3 -m bpc_ssh_guard PROGRAM ...`: every program from a bare checkout."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = ("guard", "guardctl", "keys", "audit", "posture")


def main(argv: Sequence[str]) -> int:
    """Run the program that argv[0] names with the rest of ARGV; return its exit status."""
    name = argv[0] if argv else ""
    if name == "guard":
        from .guard import main as guard_main

        return guard_main(argv[1:])
    if name == "guardctl":
        from .cli.guardctl import main as guardctl_main

        return guardctl_main(argv[1:])
    if name == "keys":
        from .cli.keys import main as keys_main

        return keys_main(argv[1:])
    if name == "audit":
        from .cli.audit import main as audit_main

        return audit_main(argv[1:])
    if name == "posture":
        from .cli.posture import main as posture_main

        return posture_main(argv[1:])
    sys.stderr.write(f"usage: python3 -m bpc_ssh_guard {'|'.join(PROGRAMS)} ...\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
