"""Asks a client's sshd what one login may do: a command that doesn't exist, and one forwarding.

Nothing is changed on either side: no host key is learned, no agent lent, no login repeated.
"""

from __future__ import annotations

import enum
import os
import re
import secrets
import select
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...backuppc.accounts import Account

_SSH: Final = "/usr/bin/ssh"
_SECONDS: Final = 20  # for one login; sshd's own LoginGraceTime is 120
# The first value of an option counts, so these stand before what BackupPC's command says.
_CAREFUL: Final = (
    "BatchMode=yes", "ConnectTimeout=10", "ConnectionAttempts=1", "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no", "ForwardAgent=no", "ForwardX11=no", "PermitLocalCommand=no",
    "ControlMaster=no", "ControlPath=none", "LogLevel=INFO", "RequestTTY=no",
)
_REFUSED: Final = re.compile(rb"^bpc-ssh-guard: refused \(([a-z-]+)\)", re.MULTILINE)
_ALLOCATED: Final = b"Allocated port "  # ssh says so at LogLevel INFO
_NOT_FORWARDED: Final = b"remote port forwarding failed"
_MOST: Final = 64 * 1024  # bytes that are listened to
_FAILED: Final = 255  # of ssh itself
_NO_PROGRAM: Final = 127
_GUARDED: Final = 126


class Scope(enum.Enum):
    """What answered a command that doesn't exist."""

    SHELL = "shell"
    GUARD = "guard"
    OTHER = "other"  # some other forced command


@dataclass(frozen=True)
class Answer:
    """SCOPE, and how a report says what came."""

    scope: Scope
    told: str


def scope(account: Account, login: Sequence[str]) -> Answer:
    """Return who answers a nonce for a command; LOGIN is ssh's options and the host.

    Raise Undecided where the login failed.
    """
    nonce = f"bpc-posture-{secrets.token_hex(8)}"
    status, said = _run(account, ["-n", *_options(), *login, nonce])
    if status == _FAILED:
        raise Undecided(login[-1], "the login failed; see `ssh -v` as backuppc")
    if status == _NO_PROGRAM and nonce.encode() in said:
        return Answer(Scope.SHELL, "a shell looked for the command (status 127)")
    refusal = _REFUSED.search(said)
    if status == _GUARDED and refusal:
        return Answer(Scope.GUARD, f"the guard refused it ({refusal[1].decode('ascii')})")
    return Answer(Scope.OTHER, f"neither shell nor guard answered (status {status})")


def forwards(account: Account, login: Sequence[str]) -> bool:
    """Return whether a remote forwarding is granted to LOGIN; as above."""
    asked = ["-N", "-n", "-o", "ClearAllForwardings=no", "-o", "ExitOnForwardFailure=yes",
             "-R", "127.0.0.1:0:127.0.0.1:9", *_options()]
    status, said = _run(account, [*asked, *login], until=_ALLOCATED)
    if _ALLOCATED in said:
        return True
    if status == _FAILED and _NOT_FORWARDED in said:
        return False
    raise Undecided(login[-1], "the login failed; see `ssh -v` as backuppc")


def _options() -> list[str]:
    return [word for option in _CAREFUL for word in ("-o", option)]


def _run(account: Account, arguments: list[str], until: bytes = b"") -> tuple[int, bytes]:
    """Run ssh as ACCOUNT; return its status and what it said. UNTIL ends it when said."""
    same = os.geteuid() == account.uid
    ours, its = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed program, and no shell
            [_SSH, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its,
            cwd="/", env={"HOME": account.home, "PATH": "/usr/bin:/bin"},
            user=None if same else account.uid, group=None if same else account.gid,
            extra_groups=None if same else [])
    except (OSError, ValueError) as error:
        os.close(ours)
        raise Undecided(account.name, f"ssh can't be run as it ({error})") from None
    finally:
        os.close(its)
    with process:
        try:
            said = _listened(ours, until)
            if not until or until not in said:
                process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            raise Undecided(account.name, "ssh doesn't end") from None
        finally:
            os.close(ours)
            process.kill()
    return process.returncode, said


def _listened(pipe: int, until: bytes) -> bytes:
    """Return what comes out of PIPE until it ends, UNTIL is said, or it takes too long."""
    said, end = b"", time.monotonic() + _SECONDS
    while len(said) < _MOST and (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([pipe], [], [], left)
        part = os.read(pipe, _MOST) if ready else b""
        said += part
        if not part or (until and until in said):
            break
    return said
