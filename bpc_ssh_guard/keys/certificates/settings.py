"""What [certificates] of the configuration says: where the authority is, and what it signs.

Unknown words are refused, as everywhere in that file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Optional

from ...authorized_keys.authority import AuthorityCommand, authority_id
from ...authorized_keys.managed import Uncomposable
from ...duration import HOUR, MINUTE, parse_duration
from ..config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config import Config

DEFAULT_FOLDER: Final = "/var/lib/bpc-ssh-keys-ca"
DEFAULT_PROGRAM: Final = "/usr/sbin/bpc-ssh-guard"
LIFE: Final = 26 * HOUR  # a day's backup begins with it even if three renewals failed
RENEW: Final = 8 * HOUR
SLACK: Final = 5 * MINUTE  # a client's clock may be that much behind
SHORTEST: Final = 10 * MINUTE
LONGEST: Final = 7 * 24 * HOUR  # what lives longer is a key

WORDS: Final = ("folder", "life", "renew", "program", "policy", "host")
OF_HOST: Final = ("program", "policy")


@dataclass(frozen=True)
class Call:
    """How a client's line calls the guard."""

    program: str = DEFAULT_PROGRAM
    policy: Optional[str] = None  # None for the client's default

    def command(self, label: str, authority: bytes) -> bytes:
        """Return the forced command of LABEL for AUTHORITY, `cert-` and its KEYID."""
        policy = None if self.policy is None else self.policy.encode("ascii")
        words = self.program.encode("ascii"), label.encode("ascii"), authority, policy
        return AuthorityCommand(*words).compose()


@dataclass(frozen=True)
class Settings:
    """The folder of the authority, how long certificates live and when they are renewed."""

    folder: Path = Path(DEFAULT_FOLDER)
    life: int = LIFE  # seconds
    renew: int = RENEW
    call: Call = field(default_factory=Call)
    calls: Mapping[str, Call] = field(default_factory=dict)  # of hosts that have it elsewhere

    def call_of(self, host: str) -> Call:
        """Return how the line of HOST calls the guard."""
        return self.calls.get(host, self.call)


def load(config: Config) -> Settings:
    """Return the settings of CONFIG; raises ConfigError."""
    where, table = f"{config.path}: [certificates]", config.extra
    _known(where, table, WORDS)
    folder = Path(_path(where, table, "folder", DEFAULT_FOLDER) or DEFAULT_FOLDER)
    if folder == config.var or folder in config.var.parents or config.var in folder.parents \
            or folder == config.etc or config.etc in folder.parents:
        raise ConfigError(f"{where}: folder = {str(folder)!a} lies with the keys; the authority is"
                          f" held apart from them, as in {DEFAULT_FOLDER}")
    life, renew = _duration(where, table, "life", LIFE), _duration(where, table, "renew", RENEW)
    if not SHORTEST <= life <= LONGEST:
        raise ConfigError(f"{where}: life takes 10m to 7d")
    if renew > life // 2:
        raise ConfigError(f"{where}: renew is more than half of life, so one failed run would leave"
                          " hosts without backups")
    call = _call(where, table, Call())
    return Settings(folder, life, renew, call, _calls(config, table, call))


def _calls(config: Config, table: Mapping[str, Any], default: Call) -> dict[str, Call]:
    hosts = table.get("host", {})
    if not isinstance(hosts, dict):
        raise ConfigError(f"{config.path}: [certificates]: host takes tables: "
                          "[certificates.host.NAME]")
    calls = {}
    for name, own in hosts.items():
        where = f"{config.path}: [certificates.host.{name}]"
        if name not in config.hosts or not isinstance(own, dict):
            raise ConfigError(f"{where}: there is no host {name!a}; write [host.NAME] first")
        _known(where, own, OF_HOST)
        calls[name] = _call(where, own, default)
    return calls


def _call(where: str, table: Mapping[str, Any], default: Call) -> Call:
    call = Call(_path(where, table, "program", default.program) or default.program,
                _path(where, table, "policy", default.policy))
    try:
        call.command("label", authority_id(b""))
    except Uncomposable as problem:
        raise ConfigError(f"{where}: program or policy {problem}") from None
    return call


def _known(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for word in table:
        if word not in known:
            raise ConfigError(f"{where}: unknown word {word!a}; known are {', '.join(known)}")


def _path(where: str, table: Mapping[str, Any], word: str, default: Optional[str]) -> Optional[str]:
    value = table.get(word, default)
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("/") or not value.isascii():
        raise ConfigError(f"{where}: {word} takes an absolute path")
    return value


def _duration(where: str, table: Mapping[str, Any], word: str, default: int) -> int:
    if word not in table:
        return default
    try:
        return parse_duration(table[word] if isinstance(table[word], str) else repr(table[word]))
    except ValueError as error:
        raise ConfigError(f"{where}: {word}: {error}") from None
