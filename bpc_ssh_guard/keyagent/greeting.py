"""The greeting's proof: the key of a managed line has logged in, and is told its generation."""

from __future__ import annotations

import os
import time

from .. import __version__
from ..authorized_keys import ManagedLine, parse
from ..authorized_keys.file import KeysFile, default_path
from ..errors import GuardFailure
from ..vocabulary import PROGRAM_NAME
from . import proofs
from .proofs import Proof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from ..policy.model import Policy


def keys_path(policy: Policy) -> str:
    """Return the authorized_keys file that POLICY is about."""
    if policy.authorized_keys is not None:
        return os.fsdecode(policy.authorized_keys)
    return default_path()


def greet(policy: Policy, label: bytes, key_id: bytes) -> None:
    """Tell the peer who it is: one line, behind the proof. Raises GuardFailure(bad-grant)."""
    generation = prove(policy, label, key_id) or "-"
    words = f"label={label.decode()} key={key_id.decode()} generation={generation}"
    os.write(1, f"{PROGRAM_NAME} {__version__} {words}\n".encode("ascii"))


def prove(policy: Policy, label: bytes, key_id: bytes) -> Optional[int]:
    """Store the proof of the key KEY_ID of LABEL; return the generation of its line.

    Return None without a proof where the key has no managed line in the file of POLICY, or that
    can't be read safely: then nobody can confirm it either. Raises GuardFailure(bad-grant).
    """
    try:
        with KeysFile.opened(keys_path(policy)) as file:
            line = _find(file.data, label, key_id)
    except GuardFailure:
        return None
    if line is None:
        return None
    proofs.write(policy.state, key_id, Proof(label, line.mark.generation, int(time.time())))
    return line.mark.generation


def _find(data: bytes, label: bytes, key_id: bytes) -> Optional[ManagedLine]:
    """Return the first managed line of the key in DATA; only lines that name it are parsed."""
    for raw in data.split(b"\n"):
        if key_id in raw:
            line = ManagedLine.from_line(parse(raw))
            if line is not None and (line.mark.label, line.mark.key_id) == (label, key_id):
                return line
    return None
