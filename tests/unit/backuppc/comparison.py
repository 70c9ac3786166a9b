"""Holds the reader's view of files against perl's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpc_ssh_guard.backuppc.perl.evaluate import Conf, evaluate
from bpc_ssh_guard.backuppc.perl.reader import read

if TYPE_CHECKING:
    from bpc_ssh_guard.backuppc.perl.values import Value


def understood(data: bytes) -> Conf:
    """Return what the reader makes of a server's file; raises Undecided."""
    return evaluate("/etc/backuppc/config.pl", read("/etc/backuppc/config.pl", data), _unset)


def differences(conf: Conf, truth: dict[str, Value] | None) -> list[str]:
    """Return the keys that perl sees otherwise; those that the reader doesn't claim to know pass.

    A file that perl fails on has no keys at all.
    """
    if truth is None:
        return ["perl fails on it"]
    wrong = [key for key, value in conf.known.items() if key not in truth or truth[key] != value]
    return wrong + [key for key in truth if key not in conf.known and key not in conf.unknown]


def _unset(name: str) -> Value:
    raise KeyError(name)
