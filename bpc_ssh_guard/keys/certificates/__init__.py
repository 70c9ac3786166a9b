"""Short-lived certificates as the second channel: nothing is written on a client to renew a key.

Each label of a host with `channel = "certificate"` has a key pair that stays, and beside it a
certificate of hours. A client has one line for each label, which names the authority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from ..config import Channel

if TYPE_CHECKING:
    from pathlib import Path

    from ..config import Config, Host

CERTIFICATE: Final = "current-cert.pub"  # beside `current`, where ssh itself looks for it, too


def certificate_path(config: Config, host: Host, label: str) -> Optional[Path]:
    """Return the file for CertificateFile of ssh_config(5), None where HOST has plain keys."""
    if host.channel != Channel.CERTIFICATE:
        return None
    return config.pairs(host.name, label) / CERTIFICATE
