"""One visit to a client: one connection with the rotation key for all its labels, and proofs.

The connection is opened when it is first needed; a host that can't be reached is asked once.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Optional

from .transport import Connection, known_keys, private_key, rotation_key
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from .answer import Listed
    from .config import Config, Host
    from .files import Pair


class Client:
    """A visit to HOST; use it in a with statement."""

    def __init__(self, config: Config, host: Host) -> None:
        self.config: Final = config
        self.host: Final = host
        self._known: Optional[dict[str, Any]] = None
        self._connection: Optional[Connection] = None
        self._listed: Optional[Listed] = None
        self._trouble: Optional[Trouble] = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.__exit__(kind, value, trace)

    @property
    def rotation(self) -> Connection:
        """The connection that is logged in with the rotation key; raises Trouble."""
        if self._trouble is not None:
            raise Trouble(self._trouble.word, str(self._trouble))
        if self._connection is None:
            try:
                key = rotation_key(self.host)
                self._connection = self.connect()
                self._connection.login(key)
            except Trouble as trouble:
                self._trouble = trouble
                raise
        return self._connection

    def connect(self) -> Connection:
        """Return another connection, logged in with no key yet; raises Trouble."""
        if self._known is None:
            self._known = known_keys(self.config, self.host)
        return Connection(self.config, self.host, self._known)

    def list(self) -> Listed:
        """Return what the client lists, asked once in a visit: no other run holds our locks."""
        if self._listed is None:
            self._listed = self.rotation.list()
        return self._listed

    def forget(self) -> None:
        """Ask for the list anew when it is needed again: the visit goes on with what it changed."""
        self._listed = None

    def prove(self, label: str, pair: Pair) -> None:
        """Log in with PAIR of LABEL, which the client takes as its proof; raises Trouble."""
        key = private_key(pair.path)
        with self.connect() as connection:
            connection.login(key)
            _require_greeting(connection, label, pair)

    def require_replaced(self, label: str, old: Pair, new: Pair) -> None:
        """Hold that OLD is turned away and NEW is taken, on one connection; raises Trouble.

        One refusal on a connection that ends logged in costs no penalty of sshd's
        (PerSourcePenalties in sshd_config(5)); it is never tried again in a run.
        """
        accepted = private_key(new.path)
        with self._without(old) as connection:
            connection.login(accepted)
            _require_greeting(connection, label, new)

    def require_gone(self, old: Pair) -> None:
        """Hold that OLD is turned away; raises Trouble.

        The connection ends logged in with the rotation key, for the same reason.
        """
        key = rotation_key(self.host)
        with self._without(old) as connection:
            connection.login(key)

    @contextlib.contextmanager
    def _without(self, old: Pair) -> Iterator[Connection]:
        """Give a connection on which OLD was turned away; raises Trouble."""
        refused = private_key(old.path)
        with self.connect() as connection:
            if not connection.is_refused(refused):
                raise Trouble(
                    Word.STILL_ACCEPTED, f"g{old.generation} {old.key_id} was retired and still"
                    " logs in; look for a second line of it: bpc-ssh-keys verify"
                )
            yield connection


def _require_greeting(connection: Connection, label: str, pair: Pair) -> None:
    told = connection.greeting()
    if (told.label, told.key, told.generation) != (label, pair.key_id, pair.generation):
        number = "-" if told.generation is None else f"g{told.generation}"
        raise Trouble(
            Word.WRONG_KEY, f"greeted {told.label} {number} {told.key}, not {label}"
            f" g{pair.generation} {pair.key_id}; look for another line of the key:"
            " bpc-ssh-keys verify"
        )
