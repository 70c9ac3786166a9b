"""The greeting's proof: the key or certificate of a managed line has logged in, and is told so."""

from __future__ import annotations

import os
import time

from .. import __version__
from ..authorized_keys import ManagedLine, parse
from ..authorized_keys.file import KeysFile, default_path
from ..errors import GuardFailure
from ..vocabulary import CERTIFICATE, PROGRAM_NAME, is_authority_id
from . import proofs
from .proofs import Proof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from ..authorized_keys.file import Composed
    from ..policy.model import Policy


def keys_path(policy: Policy) -> str:
    """Return the authorized_keys file that POLICY is about."""
    if policy.authorized_keys is not None:
        return os.fsdecode(policy.authorized_keys)
    return default_path()


def greet(policy: Policy, label: bytes, named: bytes, key_id: bytes) -> None:
    """Tell the peer who it is: one line, behind the proof. Raises GuardFailure(bad-grant).

    NAMED is what the forced command says, KEY_ID the key: the same but for a certificate.
    """
    generation = prove(policy, label, named) or "-"
    words = f"label={label.decode()} key={key_id.decode()} generation={generation}"
    if is_authority_id(named):
        words += f" authority={named[len(CERTIFICATE):].decode()}"
    os.write(1, f"{PROGRAM_NAME} {__version__} {words}\n".encode("ascii"))


def prove(policy: Policy, label: bytes, key_id: bytes) -> Optional[int]:
    """Store the proof of KEY_ID, of a key or an authority of LABEL; return its line's generation.

    Return None without a proof where it has no managed line in the file of POLICY, or that
    can't be read safely: then nobody can confirm it either. Raises GuardFailure(bad-grant).
    """
    try:
        with KeysFile.opened(keys_path(policy)) as file:
            line = _find(file.data, label, key_id)
    except GuardFailure:
        return None
    if line is None:
        return None
    name = proofs.name_of(label, key_id)
    proofs.write(policy.state, name, Proof(label, line.mark.generation, int(time.time())))
    return line.mark.generation


def _find(data: bytes, label: bytes, key_id: bytes) -> Optional[Composed]:
    """Return the first managed line of KEY_ID in DATA; only lines that name it are parsed."""
    for raw in data.split(b"\n"):
        if key_id in raw:
            line = _managed(raw, is_authority_id(key_id))
            if line is not None and (line.mark.label, line.mark.key_id) == (label, key_id):
                return line
    return None


def _managed(raw: bytes, certificates: bool) -> Optional[Composed]:
    if not certificates:
        return ManagedLine.from_line(parse(raw))
    from ..authorized_keys.authority import AuthorityLine  # a plain key's way does without it

    return AuthorityLine.from_line(parse(raw))
