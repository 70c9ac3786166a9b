"""Enrolment in its order: host key, guard, policy, log, keys, check; each looked at, then done."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ... import __version__
from .. import hostkeys
from ..files import Pairs, group_of
from ..lock import locked
from ..record import Outcome, Record
from ..store import Store
from ..trouble import Trouble, Word
from . import policy
from .keys import FirstKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..config import Config, Host
    from .login import Login
    from .machine import Machine

ERROR: Final = "error"  # the severity in what bpc-ssh-guardctl check finds


class Step:
    """The member `step` of what is told of a host, in their order; its keys have one each."""

    HOST_KEY: Final = "host-key"
    GUARD: Final = "guard"
    POLICY: Final = "policy"
    LOG: Final = "log"
    KEY: Final = "key"
    CHECK: Final = "check"


STEPS: Final = (Step.HOST_KEY, Step.GUARD, Step.POLICY, Step.LOG, Step.KEY, Step.CHECK)


@dataclass(frozen=True)
class Admin:
    """What only the person at the keyboard can say or see.

    `agrees` is asked a question about what it is shown first; `hears` is told chain and first key
    of a log, and is None where nobody but a file would hear it. `guardctl` gives the program that
    installs the guard. `reinstalls`: another version of the guard is replaced.
    """

    agrees: Callable[[str, str], bool]
    hears: Optional[Callable[[str, str], None]]
    guardctl: Callable[[], bytes]
    reinstalls: bool = False


class Enrolment:
    """The enrolment of HOST over LOGIN, by this store's own account."""

    def __init__(
        self, config: Config, host: Host, login: Login, machine: Machine, wish: policy.Wish,
    ) -> None:
        self._config: Final = config
        self._host: Final = host
        self._login: Final = login
        self._machine: Final = machine
        self._wish: Final = wish

    def run(self, admin: Admin) -> Iterator[Record]:
        """Do what is not done yet, telling of each step; raises Trouble, StoreError."""
        group = group_of(self._config.reader)
        with locks(self._config, self._host):
            store = Store(self._config.database)
            try:
                yield self._host_key(store)
                yield self._guard(admin)
                yield self._policy(admin)
                yield self._log(admin)
                yield from self._keys(store, group)
            finally:
                store.close()

    def foretell(self) -> Iterator[Record]:
        """Tell what `run` would do, and do none of it; raises Trouble."""
        if self._login.line is not None:
            yield self._would(Step.HOST_KEY, f"store the host key {self._login.fingerprint}")
        version = self._machine.version()
        if version is None:
            yield self._would(Step.GUARD, f"install the guard {__version__}"
                                          f" below {self._machine.prefix}")
        old, new = self._planned()
        if old != new:
            diff = policy.difference(old, new, self._machine.policy)
            yield self._would(Step.POLICY, "write", diff)
        if version is None or old is None or not self._machine.has_log():
            yield self._would(Step.LOG, "begin the command log, if there is none")
        lines = self._machine.lines(self._keys_file(new))
        present = {(line.label, line.key_id) for line in lines if not line.staged}
        for label in self._host.labels.values():
            pair = Pairs(self._config.pairs(self._host.name, label)).current()
            if pair is None or (label, pair.key_id) not in present:
                yield self._would(Step.KEY, "make a key, authorize and prove it", "", label)
        if not any(line.label == self._host.rotation_label for line in lines):
            yield self._would(Step.KEY, "make a key, authorize and prove it", "",
                              self._host.rotation_label)

    def _host_key(self, store: Store) -> Record:
        if self._login.line is None:
            return self._step(Step.HOST_KEY, Outcome.UNCHANGED, self._login.fingerprint)
        hostkeys.put(self._config, self._host, self._login.line)
        store.note(self._host.name, "", f"host key {self._login.fingerprint}")
        return self._step(Step.HOST_KEY, Outcome.DONE, self._login.fingerprint)

    def _guard(self, admin: Admin) -> Record:
        version = self._machine.version()
        if version == __version__ or (version is not None and not admin.reinstalls):
            other = "" if version == __version__ else f", here {__version__}: --install replaces it"
            return self._step(Step.GUARD, Outcome.UNCHANGED, f"version {version}{other}")
        if not (admin.reinstalls or admin.agrees(
                f"Install the guard {__version__} below {self._machine.prefix}?", "")):
            raise Trouble(Word.REFUSED, "the guard is not installed; --install lets this do it")
        self._machine.install(admin.guardctl())
        found = self._machine.version()
        if found != __version__:
            raise Trouble(Word.NO_ANSWER, f"the guard was installed and says it is {found}")
        return self._step(Step.GUARD, Outcome.DONE, f"installed version {found}")

    def _policy(self, admin: Admin) -> Record:
        old, new = self._planned()
        if old == new:
            return self._step(Step.POLICY, Outcome.UNCHANGED, self._machine.policy)
        diff = policy.difference(old, new, self._machine.policy)
        if not admin.agrees(f"Write {self._machine.policy}?", diff):
            raise Trouble(Word.REFUSED, f"{self._machine.policy} was not agreed to; write it by"
                                        " hand, and run this again")
        self._machine.write_policy(old, new)
        return self._step(Step.POLICY, Outcome.DONE, f"written {self._machine.policy}")

    def _planned(self) -> tuple[Optional[bytes], bytes]:
        old = self._machine.read_policy()
        return old, policy.extended(old, self._machine.policy, self._host, self._wish)

    def _log(self, admin: Admin) -> Record:
        if self._machine.has_log():
            return self._step(Step.LOG, Outcome.UNCHANGED, "")
        if admin.hears is None:
            raise Trouble(Word.REFUSED, "the command log is not begun, and its first key is shown"
                          " on a terminal alone: run this on one, or on the client:"
                          " bpc-ssh-guardctl log init")
        chain, key = self._machine.begin_log()
        admin.hears(chain, key)
        return self._step(Step.LOG, Outcome.DONE, f"begun chain {chain}")

    def _keys(self, store: Store, group: Optional[int]) -> Iterator[Record]:
        keys = self._keys_file(self._machine.read_policy() or b"")
        first = FirstKeys(
            self._config, self._host, store, group, self._machine.lines(keys),
            lambda label, public: self._machine.authorize(label, public, keys),
        )
        try:
            for label in self._host.labels.values():
                yield first.enrol(label)
            yield first.enrol_rotation()
        except Trouble as trouble:
            said = "; ".join(_errors(self._machine.check(keys)))
            if not said:
                raise
            raise Trouble(trouble.word, f"{trouble}; on the client: {said}") from None
        yield self._checked(keys)

    def _checked(self, keys: str) -> Record:
        found = _errors(self._machine.check(keys))
        if found:
            return Record(self._host.name, "", Step.CHECK, Outcome.DRIFT, text="; ".join(found))
        return self._step(Step.CHECK, Outcome.UNCHANGED, "no errors")

    def _keys_file(self, data: bytes) -> str:
        return self._machine.keys_file(policy.read(data, self._machine.policy).authorized_keys)

    def _step(self, step: str, outcome: str, text: str) -> Record:
        return Record(self._host.name, "", step, outcome, text=text)

    def _would(self, step: str, text: str, diff: str = "", label: str = "") -> Record:
        about = {"diff": diff} if diff else {}
        return Record(self._host.name, label, step, Outcome.WOULD, text=f"would {text}",
                      about=about)


@contextlib.contextmanager
def locks(config: Config, host: Host) -> Iterator[None]:
    """Hold the locks of every label of HOST; raises Trouble(locked)."""
    with contextlib.ExitStack() as held:
        for label in (*host.labels.values(), host.rotation_label):
            held.enter_context(locked(config.locks, host.name, label))
        yield


def _errors(found: list[dict[str, str]]) -> list[str]:
    return [f"{each['place']}: {each['message']}" + (each["advice"] and f"; {each['advice']}")
            for each in found if each["severity"] == ERROR]
