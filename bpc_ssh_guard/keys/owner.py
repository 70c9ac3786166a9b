"""The account that keeps the store: who runs this as root becomes it before anything is written.

What root wrote for that account the account could not change; and whoever holds it could lay links
in root's way.
"""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from .trouble import Trouble, Word

if TYPE_CHECKING:
    from pathlib import Path


def become(account: pwd.struct_passwd) -> None:
    """Run as ACCOUNT from here on, in all its groups, with no way back; only root can.

    Modules that are needed later are imported before: ACCOUNT may not be able to read them.
    """
    if account.pw_uid == os.geteuid():
        return
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)  # as root it sets the saved one too
    os.umask(0o027)


def become_owner(folder: Path) -> None:
    """Become the account that FOLDER belongs to, where this runs as root; raises Trouble."""
    if os.geteuid() != 0:
        return
    try:
        become(pwd.getpwuid(os.stat(folder).st_uid))
    except OSError as error:
        raise Trouble(Word.FILES, f"{folder}: {error.strerror}; bpc-ssh-keys init makes it"
                      ) from None
    except KeyError:
        raise Trouble(Word.FILES, f"{folder}: belongs to an account that is gone; chown it to"
                                  " bpckeys") from None
