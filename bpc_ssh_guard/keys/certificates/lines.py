"""The lines of a client's authorized_keys that let certificates in, one for each label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...authorized_keys.authority import AuthorityLine
from ...authorized_keys.managed import Uncomposable
from ...policy import addresses
from ..trouble import Trouble, Word

if TYPE_CHECKING:
    from ..config import Host
    from .ca import Authority
    from .settings import Settings


def line(settings: Settings, host: Host, label: str, authority: Authority) -> str:
    """Return the line by which HOST takes certificates of AUTHORITY for LABEL; raises Trouble."""
    call = settings.call_of(host.name)
    policy = None if call.policy is None else call.policy.encode("ascii")
    networks = addresses.patterns(map(addresses.network, host.source))
    try:
        composed = AuthorityLine(
            call.program.encode("ascii"), label.encode("ascii"), host.name.encode("ascii"),
            authority.blob, authority.generation, networks, policy,
        )
    except Uncomposable as problem:
        raise Trouble(Word.FILES, f"the line of {label} can't be composed: {problem}") from None
    return composed.compose().decode("ascii")
