"""Another authority in the place of the old one: proven on each client before it signs there.

The client's lines come first, by whoever may write them. Then, label by label: a login with a
certificate of the new authority, a certificate of it for use, and a proof that those of the old
one are turned away. Each step can be repeated; which authority a label has is read from its
certificate. The old key is removed when no client takes it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from ..record import Outcome, Record
from ..transport import Connection, private_key
from ..trouble import Trouble, Word
from . import certificate, lines
from .issue import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    import paramiko

    from ..client import Client
    from ..files import Pair
    from ..fleet import Tell
    from .ca import Authorities, Authority
    from .issue import Issuer
    from .settings import Settings

BRIEF: Final = 600  # seconds that a certificate of a proof lives


def under_way(authorities: Authorities) -> Optional[tuple[Authority, Authority]]:
    """Return the old and the new authority of the rotation under way, None where there is none."""
    current = authorities.current()
    old, new = authorities.predecessor(), authorities.successor()
    if old is not None:
        return old, current
    return None if new is None else (current, new)


def begin(authorities: Authorities) -> tuple[Authority, Authority]:
    """Return the old and the new authority, the new one made where no rotation is under way."""
    found = under_way(authorities)
    return found or (authorities.current(), authorities.make_successor())


class Rotation:
    """The rotation from the authority OLD to NEW; fleet.run calls `serve` for each label."""

    def __init__(
        self, settings: Settings, issuer: Issuer, old: Authority, new: Authority
    ) -> None:
        self._settings: Final = settings
        self._issuer: Final = issuer
        self._old: Final = old
        self._new: Final = new

    def serve(self, client: Client, name: str, tell: Tell) -> Record:
        """Bring the label NAME over to the new authority; raises Trouble."""
        label = Label(client.host, name)
        if not self.is_over(label):
            self._prove_new(client, label)
            for record in self._issuer.issue([label], self._new):
                if record.error:
                    return record
                tell(record.step_of())
        pair, old = self._issuer.brief(label, self._old, BRIEF)
        _, new = self._issuer.brief(label, self._new, BRIEF)
        with Connection(client.config, client.host) as connection:
            if not connection.is_refused(certified(pair, old)):
                line = lines.line(self._settings, client.host, name, self._old)
                raise Trouble(Word.STILL_ACCEPTED, f"authority g{self._old.generation} still lets"
                                                   f" in; take out the line: {line}")
            connection.login(certified(pair, new))
            require_greeting(connection, name, pair)
        return Record(client.host.name, name, "", Outcome.ROTATED, pair.generation, pair.key_id,
                      text=f"authority g{self._new.generation}, no other")

    def is_over(self, label: Label) -> bool:
        """Tell whether the certificate of LABEL in use is of the new authority."""
        found = self._issuer.in_use(label)
        return found is not None and found.authority == self._new.blob

    def _prove_new(self, client: Client, label: Label) -> None:
        pair, text = self._issuer.brief(label, self._new, BRIEF)
        try:
            prove(client, label.name, pair, text)
        except Trouble as trouble:
            if trouble.word != Word.NOT_ACCEPTED:
                raise
            line = lines.line(self._settings, client.host, label.name, self._new)
            raise Trouble(trouble.word, f"doesn't take authority g{self._new.generation} yet; add"
                                        f" the line: {line}") from None


def finish(
    authorities: Authorities, rotation: Rotation, everyone: Sequence[Label],
    old: Authority, new: Authority, refused: int,
) -> str:
    """Let NEW sign when all labels of EVERYONE have it, and forget OLD when all have REFUSED it.

    Return what was done, empty where some label is still to come.
    """
    if not all(rotation.is_over(label) for label in everyone):
        return ""
    if authorities.current().generation != new.generation:
        authorities.promote(new)
    if refused < len(everyone):
        return f"authority g{new.generation} signs"
    authorities.forget(old)
    return f"authority g{new.generation} signs, g{old.generation} is removed"


def prove(client: Client, label: str, pair: Pair, text: bytes) -> None:
    """Log in with PAIR and its certificate TEXT and hold the greeting to it; raises Trouble."""
    key = certified(pair, text)
    with Connection(client.config, client.host) as connection:
        connection.login(key)
        require_greeting(connection, label, pair)


def certified(pair: Pair, text: bytes) -> paramiko.PKey:
    """Return the key of PAIR with its certificate TEXT; raises Trouble."""
    key = private_key(pair.path)
    key.load_certificate(text.decode("ascii").strip())
    return key


def require_greeting(connection: Connection, label: str, pair: Pair) -> None:
    """Refuse any greeting but that of the certified key PAIR of LABEL; raises Trouble."""
    try:
        told = connection.greeting()
    except Trouble as trouble:
        if trouble.word != Word.NO_ANSWER:
            raise
        raise Trouble(Word.WRONG_KEY, "logged in and was not greeted; see that the client's"
                                      " sshd_config says ExposeAuthInfo yes") from None
    if (told.label, told.key, told.generation) != (label, pair.key_id, None):
        raise Trouble(Word.WRONG_KEY, f"greeted {told.label} {told.key}, not {label}"
                                      f" {pair.key_id}; look for another line of the authority")


def prove_in_use(issuer: Issuer, client: Client, name: str) -> Record:
    """Log in with the certificate of the label NAME in use; raises Trouble."""
    label = Label(client.host, name)
    pair, path = issuer.files(label)
    found = certificate.read(path)
    if pair is None or found is None:
        raise Trouble(Word.FILES, f"{path}: is missing; bpc-ssh-keys ca issue --host"
                                  f" {client.host.name}")
    with open(path, "rb") as file:
        prove(client, name, pair, file.read())
    return Record(client.host.name, name, "", Outcome.CLEAN, pair.generation, pair.key_id,
                  text=f"serial {found.serial}", about={"serial": found.serial})
