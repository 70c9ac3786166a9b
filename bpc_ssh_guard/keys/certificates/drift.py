"""Drift of authorities and certificates: where client, configuration and this server differ.

Only the public halves of the authorities are read, so whoever looks needs no lock and no serial.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Final, Optional

from ...duration import in_words
from ..config import Channel
from ..files import Pairs
from ..finding import PENDING, Kind
from ..resume import is_over
from . import CERTIFICATE, certificate, settings
from .ca import Authorities
from .certificate import Terms
from .settings import SLACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..answer import Key, Listed
    from ..config import Config, Host
    from .ca import Authority
    from .certificate import Issued

    # The kind of a finding, and its text.
    Found = tuple[str, str]


class Known:
    """The authorities of the server with CONFIG, read when they are first asked for."""

    def __init__(self, config: Config) -> None:
        """Take the settings; raises ConfigError."""
        self.config: Final = config
        self.settings: Final = settings.load(config)
        self._authorities: Final = Authorities(self.settings.folder)

    @cached_property
    def all(self) -> dict[str, Authority]:
        """The authorities by id, oldest first, none where none was ever made; raises Trouble."""
        if not self._authorities.folder.is_dir():
            return {}
        return {each.id: each for each in self._authorities.all()}

    @cached_property
    def current(self) -> str:
        """The id of the one that signs; raises Trouble."""
        return self._authorities.current().id

    def issued(self, host: Host, label: str) -> Optional[Issued]:
        """Return the certificate of LABEL in use; raises Trouble."""
        return certificate.read(self.config.pairs(host.name, label) / CERTIFICATE)

    def expected(self, host: Host, label: str) -> str:
        """Return the id of the authority that the client must take; raises Trouble."""
        found = self.issued(host, label)
        if found is not None:
            signer = next((each.id for each in self.all.values()
                           if each.blob == found.authority), None)
            if signer is not None:
                return signer
        return self.current


def of_certificate(known: Known, host: Host, label: str) -> Iterator[Found]:
    """Yield what is wrong with the certificate of LABEL in use; raises Trouble."""
    again = f"bpc-ssh-keys ca issue --host {host.name} --label {label}"
    pair = Pairs(known.config.pairs(host.name, label)).current()
    found = known.issued(host, label)
    if found is None or pair is None:
        yield Kind.CERTIFICATE, f"there is none; {again}"
        return
    now = int(time.time())
    shown = f"serial {found.serial}"
    terms = Terms.of(known.settings, host, label, found.authority)
    if found.authority not in {each.blob for each in known.all.values()}:
        yield Kind.CERTIFICATE, f"{shown}: is of an authority that is gone; {again}"
    elif flaw := found.flaw(terms, pair.key_id, now):
        yield Kind.CERTIFICATE, f"{shown}: {flaw}; {again}"
    elif now - found.begins - SLACK >= known.settings.renew > found.ends - now:
        left = in_words(found.ends - now)
        yield Kind.CERTIFICATE, (f"{shown}: ends in {left} and was not renewed; {again}, and see"
                                 " that bpc-ssh-keys-certificates.timer is enabled")


def of_lines(known: Known, host: Host, label: str, listed: Listed) -> Iterator[Found]:
    """Yield what is wrong with the authorities that the client LISTED for LABEL; raises Trouble."""
    lines = [each for each in listed.authorities if each.label == label]
    if host.channel == Channel.CERTIFICATE:
        yield from _of_expected(known, host, label, listed)
        yield from _of_rotation(known, host, label, lines)
        for key in listed.of(label):
            if key.generation is not None and not is_over(key, int(time.time())):
                yield Kind.LASTING, (f"g{key.generation} {key.key}: logs in without a certificate;"
                                     " take its line out on the client")
    for each in lines:
        yield from _of_line(known, host, each)
        if sum(other.key == each.key for other in lines) > 1:
            yield Kind.DUPLICATE, f"{_shown(each)}: stands in more than one line; take one out"


def _of_expected(known: Known, host: Host, label: str, listed: Listed) -> Iterator[Found]:
    wanted = known.expected(host, label)
    found = listed.find_authority(label, wanted)
    shown = f"authority g{known.all[wanted].generation} {wanted}"
    if found is None:
        yield Kind.MISSING, (f"{shown}: the client has no line of it; bpc-ssh-keys ca lines --host"
                             f" {host.name} shows it")
    elif found.staged:
        yield Kind.STAGED, f"{shown}: it was staged and not confirmed; bpc-ssh-keys ca rotate"


def _of_rotation(known: Known, host: Host, label: str, lines: list[Key]) -> Iterator[Found]:
    """Yield that the authority is being replaced for too long, where this label waits for it."""
    newest = next(reversed(known.all.values()))
    pending = int(time.time() - newest.pair.path.lstat().st_mtime)
    is_there = known.expected(host, label) == newest.id and \
        all(each.key == newest.id or each.key not in known.all for each in lines)
    if len(known.all) > 1 and not is_there and pending > PENDING:
        yield Kind.UNFINISHED, (f"authority g{newest.generation} is to be the only one for"
                                f" {in_words(pending)}: bpc-ssh-keys ca rotate")


def _of_line(known: Known, host: Host, line: Key) -> Iterator[Found]:
    if line.generation is None:
        yield Kind.UNMANAGED, (f"{_shown(line)}: write its line as bpc-ssh-keys ca lines --host"
                               f" {host.name} shows it")
    elif line.key not in known.all and not is_over(line, int(time.time())):
        yield Kind.UNKNOWN_AUTHORITY, (f"{_shown(line)}: if nobody needs it: bpc-ssh-keys revoke"
                                       f" --host {host.name} --label {line.label} --key {line.key}")
    elif not line.consistent:
        yield Kind.INCONSISTENT, (f"{_shown(line)}: bpc-ssh-keys ca rotate writes the line anew,"
                                  " or its admin does")


def _shown(line: Key) -> str:
    return f"authority {line.key}" if line.generation is None else \
        f"authority g{line.generation} {line.key}"
