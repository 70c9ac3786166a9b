"""Another authority in the place of the old one: proven on each client before it signs there.

Label by label: the client takes the new one for a day, a certificate of it logs in, the client
takes it for good, a certificate of it is put in use, the client takes the old one out, and a proof
that those of the old one are turned away. Where the client's policy leaves its authorities to its
admin, the lines are his to add and to take out. Each step can be repeated; what the client lists
and whose certificate is in use say how far a label has come. The old key is removed when no client
takes it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from ..record import Outcome, Record
from ..trouble import Trouble, Word
from . import lines
from .issue import Label
from .proof import certified, prove, require_greeting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..answer import Key
    from ..client import Client
    from ..fleet import Tell
    from .ca import Authorities, Authority
    from .issue import Issuer
    from .settings import Settings

    Note = Callable[[str, str, str], None]  # of host and label, what was done

BRIEF: Final = 600  # seconds that a certificate of a proof lives
# What keeps the rotation key from doing it, so that it is the client's admin's to do.
_BY_HAND: Final = (Word.REFUSED, Word.SYNTAX, Word.NOT_ACCEPTED, Word.FILES)


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
    """The rotation from the authority OLD to NEW; fleet.run calls `serve` for each label.

    NOTE stores what was done for a label, durably.
    """

    def __init__(
        self, settings: Settings, issuer: Issuer, old: Authority, new: Authority, note: Note
    ) -> None:
        self._settings: Final = settings
        self._issuer: Final = issuer
        self._old: Final = old
        self._new: Final = new
        self._note: Final = note

    def serve(self, client: Client, name: str, tell: Tell) -> Record:
        """Bring the label NAME over to the new authority; raises Trouble."""
        label = Label(client.host, name)
        if not self.is_over(label):
            self._admit(client, name)
            for record in self._issuer.issue([label], self._new):
                if record.error:
                    return record
                self._told(client, name, f"certificate of g{self._new.generation} in use")
                tell(record.step_of())
        reason = self._retire(client, name)
        self._require_replaced(client, label, reason)
        pair = self._issuer.files(label)[0]
        return Record(client.host.name, name, "", Outcome.ROTATED,
                      pair.generation if pair else 0, pair.key_id if pair else "",
                      text=f"authority g{self._new.generation}, no other")

    def is_over(self, label: Label) -> bool:
        """Tell whether the certificate of LABEL in use is of the new authority."""
        found = self._issuer.in_use(label)
        return found is not None and found.authority == self._new.blob

    def _admit(self, client: Client, name: str) -> None:
        """Let the client take the new authority for the label NAME, proven; raises Trouble."""
        new = self._new
        reason = self._asked(lambda: self._stage(client, name))
        try:
            self._prove(client, name)
        except Trouble as trouble:
            if reason is None or trouble.word != Word.NOT_ACCEPTED:
                raise
            line = lines.line(self._settings, client.host, name, new)
            raise Trouble(trouble.word, f"doesn't take authority g{new.generation} yet; add the"
                                        f" line: {line} ({reason})") from None
        found = self._listed(client, name, new) if reason is None else None
        if found is not None and found.staged:
            client.rotation.confirm(name, new.id)
            client.forget()
            self._told(client, name, f"authority g{new.generation} confirmed")

    def _stage(self, client: Client, name: str) -> None:
        new = self._new
        found = self._listed(client, name, new)
        if found is None or found.staged:  # again: its day may be over
            client.rotation.stage_authority(name, new.generation, new.pair.public)
            client.forget()
            self._told(client, name, f"authority g{new.generation} {new.id} staged")

    def _retire(self, client: Client, name: str) -> Optional[str]:
        """Let the client take out the old authority of the label NAME; raises Trouble.

        Return why that is not the rotation key's to do, None where it is done.
        """
        self._prove(client, name)  # or the client would refuse to, and rightly

        def retire() -> None:
            old = self._old
            if self._listed(client, name, old) is not None:
                client.rotation.retire(name, old.id)
                client.forget()
                self._told(client, name, f"authority g{old.generation} {old.id} retired")

        return self._asked(retire)

    def _prove(self, client: Client, name: str) -> None:
        """Log in by a certificate of the new authority, which the client keeps as its proof."""
        pair, text = self._issuer.brief(Label(client.host, name), self._new, BRIEF)
        prove(client, name, pair, text, self._new)

    def _require_replaced(self, client: Client, label: Label, reason: Optional[str]) -> None:
        """Hold that the old authority is turned away and the new one is taken; raises Trouble.

        REASON is why the client's admin has to see to that, None where the client should have.
        """
        pair, old = self._issuer.brief(label, self._old, BRIEF)
        _, new = self._issuer.brief(label, self._new, BRIEF)
        with client.connect() as connection:
            if not connection.is_refused(certified(pair, old)):
                line = lines.line(self._settings, client.host, label.name, self._old)
                told = f" ({reason})" if reason else ""
                raise Trouble(Word.STILL_ACCEPTED, f"authority g{self._old.generation} still lets"
                                                   f" in; take out the line: {line}{told}")
            connection.login(certified(pair, new))
            require_greeting(connection, label.name, pair, self._new)

    def _listed(self, client: Client, name: str, authority: Authority) -> Optional[Key]:
        return client.list().find_authority(name, authority.id)

    def _asked(self, request: Callable[[], None]) -> Optional[str]:
        """Do REQUEST by the rotation key; return why it is not this key's to do, or None."""
        try:
            request()
        except Trouble as trouble:
            if trouble.word not in _BY_HAND:
                raise
            return str(trouble)
        return None

    def _told(self, client: Client, name: str, what: str) -> None:
        self._note(client.host.name, name, what)


def finish(
    authorities: Authorities, rotation: Rotation, everyone: Sequence[Label],
    old: Authority, new: Authority, refused: int, note: Note,
) -> str:
    """Let NEW sign when all labels of EVERYONE have it, and forget OLD when all have REFUSED it.

    NOTE hears of it before: what is over begins anew at the next run. Return what was done, empty
    where some label is still to come.
    """
    if not all(rotation.is_over(label) for label in everyone):
        return ""
    is_last = refused >= len(everyone)
    done = f"authority g{new.generation} signs"
    if is_last:
        done += f", g{old.generation} is removed"
    note("", "ca", done)
    if authorities.current().generation != new.generation:
        authorities.promote(new)
    if is_last:
        authorities.forget(old)
    return done
