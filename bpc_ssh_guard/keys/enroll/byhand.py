"""Enrolment where this server has no login to the client: what its admin pastes there, and after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from .. import hostkeys
from ..files import group_of
from ..record import Outcome, Record
from ..store import Store
from ..trouble import Trouble, Word
from .keys import FirstKeys
from .machine import DEFAULT_POLICY
from .policy import Wish, blocks
from .steps import Step, locks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config import Config, Host


class ByHand:
    """The enrolment of HOST by somebody at its own console."""

    def __init__(self, config: Config, host: Host) -> None:
        self._config: Final = config
        self._host: Final = host

    def commands(self, wish: Wish, prefix: str, policy: str) -> str:
        """Make the keys, and return what is to be run on the client; raises Trouble."""
        new_blocks = blocks(self._host, wish)
        with locks(self._config, self._host):
            store = Store(self._config.database)
            try:
                keys = list(self._public_keys(store))
            finally:
                store.close()
        ctl = f"{prefix}/sbin/bpc-ssh-guardctl"
        named = "" if policy == DEFAULT_POLICY else f" --policy {policy}"
        program = "" if prefix == "/usr" else f" --program {prefix}/sbin/bpc-ssh-guard"
        add = f"{ctl} authorize{named}{program} --add ~{self._host.user}/.ssh/authorized_keys"
        lines = [f"# On {self._host.name}, as root, where the guard is installed:",
                 f"cat >> {policy} <<'END'", new_blocks + "END", f"{ctl} log{named} init"]
        for label, public in keys:
            lines += [f"{add} {label} - <<'END'", public, "END"]
        return "\n".join([*lines, f"{ctl} check{named}", hostkeys.READ_IT])

    def prove(self, fingerprint: Optional[str]) -> Iterator[Record]:
        """Store the host key and prove each key, as it is on the client now; raises Trouble."""
        group = group_of(self._config.reader)
        with locks(self._config, self._host):
            store = Store(self._config.database)
            try:
                yield self._pinned(fingerprint)
                first = FirstKeys(self._config, self._host, store, group, (), _authorized_by_hand)
                for label in self._host.labels.values():
                    yield first.accept(label)
                yield first.accept_rotation()
            finally:
                store.close()

    def _pinned(self, fingerprint: Optional[str]) -> Record:
        wanted = fingerprint or self._host.fingerprint
        if not wanted and hostkeys.stored(self._config, self._host):
            return Record(self._host.name, "", Step.HOST_KEY, Outcome.UNCHANGED)
        found = hostkeys.pin(self._config, self._host, wanted)
        outcome = Outcome.DONE if found.result == "pinned" else Outcome.UNCHANGED
        return Record(self._host.name, "", Step.HOST_KEY, outcome, text=found.fingerprint)

    def _public_keys(self, store: Store) -> Iterator[tuple[str, str]]:
        first = FirstKeys(self._config, self._host, store, group_of(self._config.reader), (),
                          _authorized_by_hand)
        for label in self._host.labels.values():
            pair = first.prepare(label)
            if pair is not None:
                yield label, pair.public
        _, public = first.rotation()
        yield self._host.rotation_label, public


def _authorized_by_hand(label: str, public: str) -> None:
    raise Trouble(Word.NOT_ACCEPTED, f"{label} is to be authorized on the client: {public}")
