"""paramiko, for whoever imports it from here: without `invoke`, which it has no use for here.

It runs the commands of `Match exec` in ssh_config(5) with that; nothing here reads such a file, and
importing it took as long as all of the rest of paramiko. paramiko does without it where it isn't
installed, which is what an entry of None says (sys.modules in Python's reference).
"""

from __future__ import annotations

import sys

_NAME = "invoke"

if _NAME in sys.modules:
    import paramiko as paramiko
else:
    sys.modules[_NAME] = None  # type: ignore[assignment]
    try:
        import paramiko as paramiko
    finally:
        del sys.modules[_NAME]
