"""The configuration of bpc-ssh-keys: folders, defaults and the hosts whose keys it keeps.

TOML, refused as a whole where anything in it is unknown: a word that is spelt wrongly must not
leave a host with a default that nobody chose. bpc-ssh-keys.conf(5) explains every word.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Optional

from ..duration import DAY
from ..vocabulary import is_label
from .words import (
    AGENT,
    CHANNELS,
    DEFAULTS,
    HOST,
    MEMBERS,
    PATHS,
    PURPOSES,
    Channel,
    ConfigError,
    Purpose,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AGENT", "CHANNELS", "DEFAULT_CONFIG", "PURPOSES", "Channel", "Config", "ConfigError", "Host",
    "Purpose", "load", "parse",
]

DEFAULT_CONFIG: Final = "/etc/bpc-ssh-keys/config"
DEFAULT_ETC: Final = "/etc/bpc-ssh-keys"
DEFAULT_VAR: Final = "/var/lib/bpc-ssh-keys"
DEFAULT_READER: Final = "backuppc"

MAX_CONFIG: Final = 16 << 20  # bytes; 10 000 hosts take 3 MiB

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)


@dataclass(frozen=True)
class Host:
    """One client: where it is, how it is known, and the label of its key for each purpose."""

    name: str
    address: str
    labels: Mapping[str, str]  # purpose -> label, the purposes in their fixed order
    rotation_key: str  # a file, or AGENT and the fingerprint
    port: int = 22
    user: str = "root"
    rotation_label: str = ""
    source: tuple[str, ...] = ()  # addresses that the client's policy admits: `from`
    fingerprint: Optional[str] = None  # of the host key, SHA256:...
    channel: str = Channel.KEY
    max_age: int = 90 * DAY  # seconds, as all durations here
    warn_age: int = 75 * DAY
    soak: int = DAY

    def purpose_of(self, label: str) -> str:
        """Return the purpose of LABEL; raises KeyError."""
        return {each: purpose for purpose, each in self.labels.items()}[label]


@dataclass(frozen=True)
class Config:
    """What a configuration file says."""

    path: str
    etc: Path
    var: Path
    hosts: Mapping[str, Host]
    reader: str = DEFAULT_READER  # the group that may read keys and stanzas; "" for none
    backuppc: Optional[Path] = None  # BackupPC's TopDir, where pc/HOST/backups lies
    extra: Mapping[str, Any] = field(default_factory=dict)  # [certificates], as it was written

    @property
    def keys(self) -> Path:
        """The folder of the key pairs: HOST/LABEL/{gN,gN.pub,current}."""
        return self.var / "keys"

    def pairs(self, host: str, label: str) -> Path:
        """Return the folder of the key pairs of LABEL of HOST."""
        return self.keys / host / label

    @property
    def stanzas(self) -> Path:
        """The folder of the files for `ssh -F`: CLIENT.PURPOSE.conf."""
        return self.etc / "ssh"

    @property
    def known_hosts(self) -> Path:
        """The folder of the host keys: a file of plain lines for each client, named by it."""
        return self.etc / "known_hosts.d"

    @property
    def database(self) -> Path:
        """The store: state of each key, and the chain of events."""
        return self.var / "state.db"

    @property
    def locks(self) -> Path:
        """The folder of the locks."""
        return self.var / "lock"


def load(path: str = DEFAULT_CONFIG) -> Config:
    """Return the configuration in the file at PATH; raises ConfigError and OSError."""
    with open(path, "rb") as file:
        data = file.read(MAX_CONFIG + 1)
    if len(data) > MAX_CONFIG:
        raise ConfigError(f"{path}: larger than {MAX_CONFIG} bytes; split the fleet")
    return parse(path, data)


def parse(path: str, data: bytes) -> Config:
    """Return the configuration that DATA, the bytes of the file at PATH, writes.

    Raises ConfigError. Of no bytes at all, every default.
    """
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    return _config(path, content)


def _config(path: str, content: dict[str, Any]) -> Config:
    _known(path, "", content, ("paths", "defaults", "host", "certificates"))
    tables = {name: _table(path, name, content.get(name, {})) for name in
              ("paths", "defaults", "host", "certificates")}
    paths = tables["paths"]
    _known(path, "[paths]", paths, PATHS)
    folders = {word: check(f"{path}: [paths]: {word}", paths[word])
               for word, check in PATHS.items() if word in paths}
    var = folders.get("var", Path(DEFAULT_VAR))
    _known(path, "[defaults]", tables["defaults"], DEFAULTS)
    hosts = {
        name: _host(path, name, _table(path, f"host.{name}", members), tables["defaults"], var)
        for name, members in tables["host"].items()
    }
    return Config(
        path, folders.get("etc", Path(DEFAULT_ETC)), var, hosts,
        folders.get("reader", DEFAULT_READER), folders.get("backuppc"), tables["certificates"],
    )


def _host(
    path: str, name: str, own: dict[str, Any], defaults: dict[str, Any], var: Path
) -> Host:
    where = f"{path}: [host.{name}]"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: {name!a} is no host name: letters, digits, dots and dashes")
    _known(path, f"[host.{name}]", own, HOST)
    members = {"address": name, **defaults, **own}
    values = {MEMBERS.get(word, word): HOST[word](f"{where}: {word}", value)
              for word, value in members.items()}
    labels = values.pop("labels", None)
    if labels is None:
        labels = {purpose: f"{name}-{purpose}" for purpose in PURPOSES}
    rotation_label = values.pop("rotation_label", f"{name}-rotate")
    for label in (*labels.values(), rotation_label):
        if not is_label(label.encode("utf-8")):
            raise ConfigError(f"{where}: {label!a} is no label: a letter, then at most 31 of a-z,"
                              " 0-9 and -; write labels = { backup = \"LABEL\" } and"
                              " rotation_label = \"LABEL\"")
    if len({*labels.values(), rotation_label}) != len(labels) + 1:
        raise ConfigError(f"{where}: two purposes have one label; give each its own")
    if values.get("channel") == Channel.CERTIFICATE and "from" not in members:
        raise ConfigError(f'{where}: channel = "certificate" needs from, the addresses that its'
                          " certificates work from; from = [] lets them work from any")
    values.setdefault("rotation_key", str(var / "rotation" / name))
    host = Host(name, labels=labels, rotation_label=rotation_label, **values)
    if host.warn_age > host.max_age:
        raise ConfigError(f"{where}: warn_age is longer than max_age")
    return host


def _known(path: str, where: str, table: Mapping[str, Any], known: Any) -> None:
    for word in table:
        if word not in known:
            place = f"{path}: {where}: " if where else f"{path}: "
            raise ConfigError(f"{place}unknown word {word!a}; known are {', '.join(known)}")


def _table(path: str, name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {name} is no table; write [{name}]")
    return value
