"""All checks, in the order in which reports and the manual list them; a module for each section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import (
    cgi,
    configuration,
    installation,
    passwords,
    pool,
    service,
    shares,
    socket,
    ssh_keys,
)

if TYPE_CHECKING:
    from ..check import Check

_MODULES: Final = (
    configuration, passwords, socket, installation, pool, shares, ssh_keys, cgi, service,
)
CHECKS: Final[tuple[type[Check], ...]] = tuple(
    check for module in _MODULES for check in module.CHECKS)
BY_ID: Final[dict[str, type[Check]]] = {check.id: check for check in CHECKS}
