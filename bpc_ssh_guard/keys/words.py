"""The words of the configuration, what each takes, and the closed sets among their values."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[str, object], Any]

AGENT: Final = "agent:"  # before the fingerprint of a rotation key that an ssh-agent has
MAX_PORT: Final = 65535

_ADDRESS: Final = re.compile(r"[A-Za-z0-9:][A-Za-z0-9:._%-]{0,254}", re.ASCII)
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)


class ConfigError(Exception):
    """The configuration can't be used; the text says file, place, what is wrong, what to do."""


class Purpose:
    """What BackupPC uses a key for."""

    BACKUP: Final = "backup"
    RESTORE: Final = "restore"


PURPOSES: Final = (Purpose.BACKUP, Purpose.RESTORE)


class Channel:
    """How a host's keys are renewed."""

    KEY: Final = "key"
    CERTIFICATE: Final = "certificate"


CHANNELS: Final = (Channel.KEY, Channel.CERTIFICATE)


def _string(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ConfigError(f"{where} takes a string")
    return value


def _matching(form: re.Pattern[str], what: str) -> Callable[[str, object], str]:
    def check(where: str, value: object) -> str:
        text = _string(where, value)
        if not form.fullmatch(text):
            raise ConfigError(f"{where}: {text!a} is no {what}")
        return text

    return check


def _one_of(words: tuple[str, ...]) -> Check:
    def check(where: str, value: object) -> str:
        if value not in words:
            raise ConfigError(f"{where} takes {' or '.join(words)}")
        return str(value)

    return check


def _folder(where: str, value: object) -> Path:
    text = _string(where, value)
    if not text.startswith("/"):
        raise ConfigError(f"{where}: {text!a} is no absolute path")
    return Path(text)


def _reader(where: str, value: object) -> str:
    return "" if value == "" else _matching(_USER, "group")(where, value)


def _port(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_PORT:
        raise ConfigError(f"{where} takes a number from 1 to {MAX_PORT}")
    return value


def _duration(where: str, value: object) -> int:
    try:
        return parse_duration(_string(where, value))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _key(where: str, value: object) -> str:
    text = _string(where, value)
    if text.startswith(AGENT):
        return AGENT + _matching(_FINGERPRINT, "fingerprint")(where, text[len(AGENT):])
    return str(_folder(where, text))


def _labels(where: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value or not set(value) <= set(PURPOSES):
        raise ConfigError(f'{where} takes {{ backup = "LABEL", restore = "LABEL" }}')
    return {each: _string(where, value[each]) for each in PURPOSES if each in value}


def _addresses(where: str, value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        try:
            ipaddress.ip_network(_string(where, item))
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from None
    return tuple(items)


PATHS: Final[Mapping[str, Check]] = {
    "etc": _folder, "var": _folder, "backuppc": _folder, "reader": _reader,
}
# What may be said for all hosts at once.
DEFAULTS: Final[Mapping[str, Check]] = {
    "port": _port,
    "user": _matching(_USER, "account"),
    "from": _addresses,
    "rotation_key": _key,
    "channel": _one_of(CHANNELS),
    "max_age": _duration,
    "warn_age": _duration,
    "soak": _duration,
}
MEMBERS: Final = {"from": "source"}  # words that Python keeps for itself
HOST: Final[Mapping[str, Check]] = {
    "address": _matching(_ADDRESS, "address"),
    "labels": _labels,
    "rotation_label": _string,
    "fingerprint": _matching(_FINGERPRINT, "fingerprint of a host key (ssh-keygen -lf FILE)"),
    **DEFAULTS,
}
