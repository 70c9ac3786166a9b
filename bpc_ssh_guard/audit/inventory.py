"""The hosts whose logs are collected: a TOML file that names address, key and host key of each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_WORDS: Final = {"address": str, "port": int, "user": str, "key": str, "known_hosts": str}


class InventoryError(Exception):
    """The inventory can't be used; the text says file, what is wrong and what to do."""


@dataclass(frozen=True)
class Host:
    """One host: where it is, and the files by which both sides know each other."""

    name: str
    address: str
    key: str  # the file of the audit key
    known_hosts: str  # the file that holds this host's key
    port: int = 22
    user: str = "root"


def load(path: str) -> list[Host]:
    """Return the hosts of the file at PATH; raises InventoryError and OSError."""
    with open(path, "rb") as file:
        try:
            content = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InventoryError(f"{path}: {error}") from None
    defaults = content.get("defaults", {})
    hosts = content.get("hosts", {})
    for name in content:
        if name not in ("defaults", "hosts"):
            raise InventoryError(f"{path}: unknown table {name!a}; write [defaults], [hosts.NAME]")
    if not isinstance(defaults, dict) or not isinstance(hosts, dict) or not hosts:
        raise InventoryError(f"{path}: it names no host; write [hosts.NAME] with key = \"FILE\"")
    return [_host(path, name, {**defaults, **members}) for name, members in hosts.items()]


def _host(path: str, name: str, members: dict[str, Any]) -> Host:
    for word, value in members.items():
        if word not in _WORDS:
            known = ", ".join(_WORDS)
            raise InventoryError(f"{path}: {name}: unknown word {word!a}; known are {known}")
        if not isinstance(value, _WORDS[word]) or isinstance(value, bool):
            raise InventoryError(f"{path}: {name}: {word} takes a {_WORDS[word].__name__}")
    for word in ("key", "known_hosts"):
        if word not in members:
            raise InventoryError(f'{path}: {name}: {word} is missing; write {word} = "FILE"')
    return Host(name, **{"address": name, **members})
