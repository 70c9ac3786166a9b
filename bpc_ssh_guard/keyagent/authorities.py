"""The authorities of a rotation key's labels, replaced by the very rules that keys have.

An authority is proven for a label when a certificate of it has logged in there. Labels share
authorities, unlike keys; and only where a block says `Certificates` may one be replaced.
"""

from __future__ import annotations

from ..authorized_keys.authority import AuthorityCommand, AuthorityLine
from ..errors import Refused
from ..vocabulary import Reason
from .entry import Change
from .ring import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..authorized_keys import Line
    from ..policy.model import Block
    from .entry import Entry
    from .verbs import Request


class AuthorityRing(Ring):
    """The lines for certificates of the labels."""

    __slots__ = ()
    _command_kind = AuthorityCommand
    _line_kind = AuthorityLine

    def is_consistent(self, entry: Entry) -> bool:
        """Tell whether the line of ENTRY is what the policy composes now.

        Where no `Certificates` names the host, that is for the admin who wrote the line to say.
        """
        line = entry.managed
        if not isinstance(line, AuthorityLine) or entry.label not in self._policy.blocks:
            return False
        host = self._policy.blocks[entry.label].certificates or line.host
        meant = self._composed(entry.label, host, line.blob, line.mark.generation)
        return meant.until(line.expiry, line.mark.staged).compose() == line.compose()

    def block(self, label: bytes) -> Block:
        """Return the block of LABEL; refuse one whose authority is not this key's to replace."""
        block = super().block(label)
        if block.certificates is None:
            shown = label.decode("ascii")
            raise Refused(Reason.NOT_ROTATABLE, f"Key {shown} has no Certificates, so only the"
                                                " client's admin changes its authorities")
        return block

    def _needs_grant(self, label: bytes) -> bool:
        """No line of an authority ends with a grant: its certificates end by themselves."""
        return False

    def _with_key_of(self, request: Request) -> list[Line]:
        """Return the lines with the key of REQUEST, but those for other labels' certificates."""
        others = [entry.line for entry in self.entries
                  if entry.managed is not None and entry.label != request.label]
        return [line for line in super()._with_key_of(request)
                if not any(line is other for other in others)]

    def _without(self, entry: Entry) -> Change:
        """Return what takes the authority of ENTRY out for its label; others keep it."""
        return Change(entry, {entry.number: None})

    def _compose(self, label: bytes, key: tuple[bytes, bytes], generation: int) -> AuthorityLine:
        host = self._policy.blocks[label].certificates or b""
        return self._composed(label, host, key[1], generation)

    def _composed(
        self, label: bytes, host: bytes, blob: bytes, generation: int
    ) -> AuthorityLine:
        call = self._call
        return AuthorityLine(call.program, label, host, blob, generation, self._networks(label),
                             call.policy)
