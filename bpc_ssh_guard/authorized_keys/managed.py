"""The line that the guard writes for a key: composed so that nothing can slip in, and read back."""

from __future__ import annotations

from binascii import b2a_base64

from ..vocabulary import PROGRAM_NAME, is_key_id, is_label
from .line import KEY_TYPES, is_blob_of, key_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from .line import Line

MAX_GENERATION: Final = 999999

# A path stands unquoted in a command that a login shell reads, within double quotes of sshd's.
_PATH_BYTES: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_@%+=:,.~-"
)
_NETWORK_BYTES: Final = b"0123456789abcdefABCDEF:./"
_MARK: Final = PROGRAM_NAME.encode("ascii") + b":"
_STAGED: Final = b"staged"
_EXPIRY_DIGITS: Final = len("YYYYMMDDHHMMSS")


class Uncomposable(ValueError):
    """A part of a managed line is not what it must be; the text says which and why."""


def require(condition: bool, what: str, value: bytes) -> None:
    """Refuse VALUE for WHAT it is unless CONDITION holds; raises Uncomposable."""
    if not condition:
        raise Uncomposable(f"{value.decode('utf-8', 'backslashreplace')!a} {what}")


def _require_path(path: bytes) -> None:
    """Refuse PATH unless sshd, a shell and a person all read it as one plain absolute path."""
    plain = not path.strip(_PATH_BYTES) and path.startswith(b"/")
    names = path[1:].split(b"/")
    fine = plain and not any(name in (b"", b".", b"..") for name in names)
    require(fine, "is not an absolute path of plain characters", path)


def require_networks(networks: tuple[bytes, ...]) -> None:
    """Refuse what is no value of `from=`; raises Uncomposable."""
    for network in networks:
        fine = bool(network) and not network.strip(_NETWORK_BYTES)
        require(fine, "is no address", network)


def require_end(expiry: Optional[bytes], staged: bool, label: bytes) -> None:
    """Refuse what is no value of `expiry-time=`, and a STAGED line without; raises Uncomposable."""
    if expiry is not None:
        fine = len(expiry) == _EXPIRY_DIGITS and expiry.isdigit()
        require(fine, "is no time YYYYMMDDHHMMSS", expiry)
    require(expiry is not None or not staged, "is staged and has no end", label)


class ForcedCommand:
    """The command of a line that calls the guard: `PROGRAM [--policy POLICY] LABEL KEYID`.

    `interpreter` is what stands before PROGRAM: nothing, where authorize wrote the line.
    """

    __slots__ = ("interpreter", "key_id", "label", "policy", "program")
    is_id = staticmethod(is_key_id)
    interpreter: Final[tuple[bytes, ...]]
    program: Final[bytes]
    policy: Final[Optional[bytes]]
    label: Final[bytes]
    key_id: Final[bytes]

    def __init__(
        self,
        program: bytes,
        label: bytes,
        key_id: bytes,
        policy: Optional[bytes] = None,
        interpreter: tuple[bytes, ...] = (),
    ) -> None:
        for path in (program,) if policy is None else (program, policy):
            _require_path(path)
        require(is_label(label), "is no key label", label)
        require(self.is_id(key_id), "is no KEYID", key_id)
        self.interpreter = interpreter
        self.program = program
        self.policy = policy
        self.label = label
        self.key_id = key_id

    @classmethod
    def from_words(cls, command: bytes) -> Optional[ForcedCommand]:
        """Return what COMMAND calls, None unless it calls the guard in just this form."""
        words = command.split(b" ")
        name = PROGRAM_NAME.encode("ascii")
        at = next((at for at, w in enumerate(words) if w.rpartition(b"/")[2] == name), len(words))
        policy, rest = None, words[at + 1 :]
        if len(rest) == 4 and rest[0] == b"--policy":
            policy, rest = rest[1], rest[2:]
        if len(rest) != 2:
            return None
        try:
            return cls(words[at], rest[0], rest[1], policy, tuple(words[:at]))
        except Uncomposable:
            return None

    def compose(self) -> bytes:
        """Return the command as one line of words."""
        policy = () if self.policy is None else (b"--policy", self.policy)
        return b" ".join((*self.interpreter, self.program, *policy, self.label, self.key_id))


class Mark:
    """The comment of a managed line: `bpc-ssh-guard:LABEL:KEYID:gN[:staged]`."""

    __slots__ = ("generation", "key_id", "label", "staged")
    is_id = staticmethod(is_key_id)
    label: Final[bytes]
    key_id: Final[bytes]
    generation: Final[int]
    staged: Final[bool]

    def __init__(self, label: bytes, key_id: bytes, generation: int, staged: bool = False) -> None:
        require(is_label(label), "is no key label", label)
        require(self.is_id(key_id), "is no KEYID", key_id)
        in_range = 1 <= generation <= MAX_GENERATION
        require(in_range, f"is no generation from 1 to {MAX_GENERATION}", b"%d" % generation)
        self.label = label
        self.key_id = key_id
        self.generation = generation
        self.staged = staged

    @classmethod
    def from_comment(cls, comment: bytes) -> Optional[Mark]:
        """Return the mark that COMMENT is, to the letter, or None."""
        fields = comment[len(_MARK) :].split(b":")
        digits = fields[2][1:] if len(fields) in (3, 4) else b""
        if not digits.isdigit() or len(digits) > len(str(MAX_GENERATION)):
            return None
        try:
            mark = cls(fields[0], fields[1], int(digits), len(fields) == 4)
        except Uncomposable:
            return None
        return mark if mark.compose() == comment else None

    def compose(self) -> bytes:
        """Return the mark as a comment."""
        staged = (_STAGED,) if self.staged else ()
        return _MARK + b":".join((self.label, self.key_id, b"g%d" % self.generation, *staged))


class ManagedLine:
    """A line that the guard wrote; no part of it can end an option, a word or the line.

    `expiry` is the local time YYYYMMDDHHMMSS from which on sshd refuses the key, see expiry; a
    staged line has one always.
    """

    __slots__ = ("blob", "command", "expiry", "key_type", "mark", "networks")
    command: Final[ForcedCommand]
    networks: Final[tuple[bytes, ...]]
    expiry: Final[Optional[bytes]]
    key_type: Final[bytes]
    blob: Final[bytes]
    mark: Final[Mark]

    def __init__(
        self,
        program: bytes,
        label: bytes,
        key: tuple[bytes, bytes],
        generation: int,
        networks: tuple[bytes, ...] = (),
        policy: Optional[bytes] = None,
        staged: bool = False,
        expiry: Optional[bytes] = None,
    ) -> None:
        self.key_type, self.blob = key
        require(self.key_type in KEY_TYPES, "is no type of key to log in with", self.key_type)
        require(is_blob_of(*key), "is not the type of the key behind it", self.key_type)
        require_networks(networks)
        require_end(expiry, staged, label)
        self.command = ForcedCommand(program, label, key_id(self.blob), policy)
        self.networks = networks
        self.expiry = expiry
        self.mark = Mark(label, self.command.key_id, generation, staged)

    @classmethod
    def from_line(cls, line: Line) -> Optional[ManagedLine]:
        """Return LINE as a managed one, None unless it is that to the byte."""
        command = ForcedCommand.from_words(line.value(b"command") or b"")
        mark = Mark.from_comment(line.comment or b"")
        if command is None or mark is None or line.key_type is None or line.blob is None:
            return None
        origin = line.value(b"from")
        networks = () if origin is None else tuple(origin.split(b","))
        key = line.key_type, line.blob
        try:
            managed = cls(command.program, command.label, key, mark.generation, networks,
                          command.policy, mark.staged, line.value(b"expiry-time"))
        except Uncomposable:
            return None
        return managed if managed.compose() == line.raw else None

    def until(self, expiry: Optional[bytes], staged: bool = False) -> ManagedLine:
        """Return this line with another EXPIRY, STAGED or not."""
        key = self.key_type, self.blob
        return ManagedLine(self.command.program, self.mark.label, key, self.mark.generation,
                           self.networks, self.command.policy, staged, expiry)

    def compose(self) -> bytes:
        """Return the line without an LF."""
        origin = b',from="' + b",".join(self.networks) + b'"' if self.networks else b""
        end = b"" if self.expiry is None else b',expiry-time="' + self.expiry + b'"'
        options = b'restrict,command="' + self.command.compose() + b'"' + origin + end
        encoded = b2a_base64(self.blob, newline=False)
        return b" ".join((options, self.key_type, encoded, self.mark.compose()))
