"""The original command of a rotation key as a typed request; everything else is refused."""

from __future__ import annotations

from binascii import a2b_base64

from ..authorized_keys import key_id
from ..command import prefixes, words
from ..errors import Refused
from ..grammar import driver
from ..grammar.tables import keyadmin as tables
from ..vocabulary import CERTIFICATE, Reason, is_authority_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

PROTOCOL: Final = b"bpc-key/1 "
MAX_REQUEST: Final = 512  # the longest that means anything has 152 bytes


class Verb:
    """What a request asks for; its name in the command."""

    LIST: Final = "list"
    STAGE: Final = "stage"
    CONFIRM: Final = "confirm"
    DROP: Final = "drop"
    RETIRE: Final = "retire"
    GRANT: Final = "grant"
    UNGRANT: Final = "ungrant"


VERBS: Final = (
    Verb.LIST, Verb.STAGE, Verb.CONFIRM, Verb.DROP, Verb.RETIRE, Verb.GRANT, Verb.UNGRANT,
)


class Request:
    """One request; what its verb does not name is empty or 0.

    `blob` is the decoded key of stage and `key_id` its id, or the id that the request names; that
    of an authority has `cert-` in front.
    """

    __slots__ = ("blob", "generation", "key_id", "label", "seconds", "verb")
    verb: Final[str]
    label: Final[bytes]
    generation: Final[int]
    blob: Final[bytes]
    key_id: Final[bytes]
    seconds: Final[int]

    def __init__(
        self,
        verb: str,
        label: bytes = b"",
        generation: int = 0,
        blob: bytes = b"",
        named: Optional[bytes] = None,
        seconds: int = 0,
        certificates: bool = False,
    ) -> None:
        self.verb = verb
        self.label = label
        self.generation = generation
        self.blob = blob
        mark = CERTIFICATE if certificates else b""
        self.key_id = named or (mark + key_id(blob) if blob else b"")
        self.seconds = seconds

    @property
    def is_of_authority(self) -> bool:
        """Whether it is about an authority's line, not a key's."""
        return is_authority_id(self.key_id)


def parse(command: bytes) -> Request:
    """Return the request that COMMAND makes; raises Refused."""
    if not command.startswith(PROTOCOL):
        _refuse_other(command)
    if len(command) > MAX_REQUEST:
        detail = f"a request has at most {MAX_REQUEST} bytes"
        raise Refused(Reason.TOO_LONG, detail, MAX_REQUEST)
    try:
        tokens = driver.parse(tables, "start", command + b"\0")
    except driver.Unparsable as error:
        detail = f"a request is {', '.join(VERBS)}, as bpc-ssh-keys-protocol(7) writes them"
        raise Refused(Reason.BAD_OPERAND, detail, min(error.offset, len(command))) from None
    verb = tokens[0][1][:-1].decode("ascii")
    found = {name: raw[:-1] for name, raw, _ in tokens[1:]}
    return Request(
        verb,
        found.get("LABEL") or found.get("LAST_LABEL", b""),
        int(found.get("GENERATION", b"g0")[1:]),
        a2b_base64(found.get("BLOB", b"")),
        found.get("KEYID"),
        int(found.get("SECONDS", b"0")),
        "AUTHORITY" in found,
    )


def _refuse_other(command: bytes) -> None:
    """Refuse COMMAND, which is none of this protocol; raises Refused."""
    _, program, _ = prefixes.parse(words.split(command))
    raise Refused(Reason.WRONG_OPERATION, f"the command runs {program}, the key is for rotation")
