"""The hosts as a dynamic inventory of Ansible; nothing in it is secret, and nothing a template.

What files hold is taken over only where it has the form of a public key: an inventory's values may
be templates to Ansible, which would run what stands in them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .config import AGENT, CHANNELS
from .export import keys_of
from .files import MAX_PUBLIC, Pairs
from .hostkeys import LIMIT
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .config import Config, Host
    from .journal import Entry

GROUP: Final = "bpc_clients"
CHANNEL_GROUP: Final = "bpc_channel_"  # and key or certificate

_PUBLIC: Final = re.compile(r"[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{1,4096}={0,2}", re.ASCII)


def inventory(config: Config, entries: Iterable[Entry]) -> dict[str, Any]:
    """Return what an inventory script answers to --list; raises Trouble.

    ENTRIES are the journals of the labels.
    """
    known = {(entry.host, entry.label): entry for entry in entries}
    groups = {
        f"{CHANNEL_GROUP}{channel}": {
            "hosts": [host.name for host in config.hosts.values() if host.channel == channel]
        }
        for channel in CHANNELS
    }
    variables = {host.name: variables_of(config, host, known) for host in config.hosts.values()}
    return {
        "_meta": {"hostvars": variables},
        "all": {"children": [GROUP]},
        GROUP: {"children": list(groups)},
        **groups,
    }


def variables_of(
    config: Config, host: Host, known: dict[tuple[str, str], Entry]
) -> dict[str, Any]:
    """Return the variables of HOST, with the journals KNOWN; raises Trouble.

    Who Ansible logs in as is not among them: the admin's own account, not that of the backups.
    """
    return {
        "ansible_host": host.address,
        "ansible_port": host.port,
        "bpc_user": host.user,
        "bpc_labels": dict(host.labels),
        "bpc_rotation_label": host.rotation_label,
        "bpc_source": list(host.source),
        "bpc_channel": host.channel,
        "bpc_max_age": host.max_age,
        "bpc_fingerprint": host.fingerprint,
        "bpc_known_hosts": list(_host_keys(config, host)),
        "bpc_public_keys": dict(_public_keys(config, host)),
        "bpc_keys": keys_of(host, known),
    }


def _public_keys(config: Config, host: Host) -> Iterator[tuple[str, str]]:
    """Yield each label with its public key in use, as far as there is one on this machine."""
    for label in host.labels.values():
        pair = Pairs(config.pairs(host.name, label)).current()
        if pair is not None and _PUBLIC.fullmatch(pair.public):
            yield label, pair.public
    if not host.rotation_key.startswith(AGENT):
        for words in _lines(Path(f"{host.rotation_key}.pub"), MAX_PUBLIC):
            if _PUBLIC.fullmatch(" ".join(words[:2])):
                yield host.rotation_label, " ".join(words[:2])


def _host_keys(config: Config, host: Host) -> Iterator[str]:
    """Yield the lines for known_hosts that name HOST."""
    for words in _lines(config.known_hosts / host.name, LIMIT):
        if words[:1] == [host.name] and _PUBLIC.fullmatch(" ".join(words[1:3])):
            yield " ".join(words[:3])


def _lines(path: Path, limit: int) -> list[list[str]]:
    """Return the words of each line of the file at PATH, none where there is no such file."""
    try:
        with open(path, "rb") as file:
            text = file.read(limit).decode("ascii", "replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    return [line.split() for line in text.split("\n")]
