"""`rsync --server …` as one key asked for it, typed, and its rendering for exec."""

from __future__ import annotations

from ..errors import Refused
from ..grammar.tables import rsync as tables
from ..vocabulary import FEATURES, Feature, Operation, Program, Reason
from . import vector
from .charset import recode
from .paths import find_fault
from .text import find_control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final, Optional

    from ..grammar.driver import Token

MAX_VERBOSE: Final = 3
MAX_INT: Final = 2**31 - 1  # rsync keeps these numbers in a C int
MAX_COMPRESS_LEVEL: Final = 22  # zstd's highest

# The letters of the cluster in the order in which rsync's options.c writes them.
_LETTERS: Final = b"vlLkHogDtpAXrcIRxSz"

# BackupPC 2 and 3 write these letters as long options (File::RsyncP); --relative comes with both.
_LETTER_OF: Final = {
    b"--perms": b"p", b"--owner": b"o", b"--group": b"g", b"-D": b"D", b"--links": b"l",
    b"--hard-links": b"H", b"--times": b"t", b"--recursive": b"r", b"--ignore-times": b"I",
    b"--one-file-system": b"x", b"--relative": b"R",
}

# Bounds of the numbers, lowest and highest.
_BOUNDS: Final = {
    b"--timeout": (0, MAX_INT),
    b"--bwlimit": (0, MAX_INT),
    b"--checksum-seed": (0, MAX_INT),
    b"--block-size": (512, 131072),
    b"--compress-level": (0, MAX_COMPRESS_LEVEL),
}

# The long options in the order of rendering.
_OPTIONS: Final = (
    b"--iconv", b"--compress-level", b"--compress-choice", b"--log-format", b"--block-size",
    b"--timeout", b"--bwlimit", b"--delete", b"--super", b"--stats", b"--checksum-seed",
    b"--partial", b"--ignore-errors", b"--copy-unsafe-links", b"--safe-links", b"--numeric-ids",
    b"--devices", b"--fake-super",
)

_FEATURE_OF: Final = {
    b"A": Feature.ACLS, b"X": Feature.XATTRS, b"z": Feature.COMPRESS,
    b"L": Feature.COPY_LINKS, b"k": Feature.COPY_LINKS,
    b"--copy-unsafe-links": Feature.COPY_LINKS, b"--safe-links": Feature.COPY_LINKS,
    b"--compress-level": Feature.COMPRESS, b"--compress-choice": Feature.COMPRESS,
    b"--iconv": Feature.ICONV, b"--fake-super": Feature.FAKE_SUPER,
}


class RsyncServer:
    """One rsync server: direction, letters, long options and paths, each checked.

    `letters` stand in rsync's own order; `capabilities` is the text behind `e`, None without one;
    `options` are (name, value) in the order of rendering, the value b"" where there is none.
    """

    __slots__ = ("capabilities", "letters", "operation", "options", "paths")
    program: Final = Program.RSYNC
    operation: Final[str]
    letters: Final[bytes]
    capabilities: Final[Optional[bytes]]
    options: Final[tuple[tuple[bytes, bytes], ...]]
    paths: Final[tuple[bytes, ...]]

    def __init__(
        self,
        operation: str,
        letters: bytes,
        capabilities: Optional[bytes],
        options: tuple[tuple[bytes, bytes], ...],
        paths: tuple[bytes, ...],
    ) -> None:
        self.operation = operation
        self.letters = letters
        self.capabilities = capabilities
        self.options = options
        self.paths = paths

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features that a policy must accept, in the order of the vocabulary."""
        parts = [bytes((letter,)) for letter in self.letters] + [name for name, _ in self.options]
        needed = {_FEATURE_OF[part] for part in parts if part in _FEATURE_OF}
        return tuple(feature for feature in FEATURES if feature in needed)

    @property
    def deletes(self) -> bool:
        """Tell whether files may be removed below the destination."""
        return (b"--delete", b"") in self.options

    @property
    def rule(self) -> str:
        """Name the rule of the grammar, for the record."""
        return "rsync-send" if self.operation == Operation.BACKUP else "rsync-receive"

    def arguments(self, injected: Iterable[bytes] = ()) -> tuple[bytes, ...]:
        """Return the arguments for exec; INJECTED options come last, before the paths."""
        head = [b"--server"] + [b"--sender"] * (self.operation == Operation.BACKUP)
        tail = b"" if self.capabilities is None else b"e" + self.capabilities
        cluster = [b"-" + self.letters + tail] if self.letters or tail else []
        options = [name + b"=" + value if value else name for name, value in self.options]
        return (*head, *cluster, *options, *injected, b".", *self.paths)


class _Collected:
    """What the tokens have said so far; each thing may be said once."""

    def __init__(self, locate: Callable[[int], int], in_list: bool) -> None:
        self.locate = locate
        self.in_list = in_list
        self.letters = bytearray()
        self.capabilities: Optional[bytes] = None
        self.options: dict[bytes, bytes] = {}
        self.paths: list[bytes] = []
        self.sender = False

    def refuse(self, detail: str, offset: int) -> Refused:
        return Refused(Reason.UNKNOWN_OPTION, detail, self.locate(offset), self.in_list)

    def add(self, token: Token) -> None:
        """Take in one token of rsync.lark."""
        name, raw, offset = token
        text = raw[:-1]
        if name == "SENDER":
            self.sender = True
        elif name == "OPERAND":
            self._add_path(text, offset)
        elif name.endswith(("_CLUSTER", "_SECLUDED")):
            self._add_cluster(text, offset)
        elif text in _LETTER_OF:
            self._add_letters(_LETTER_OF[text], offset)
        elif name != "SERVER":
            self._add_option(text, offset)

    def _add_path(self, path: bytes, offset: int) -> None:
        fault = find_fault(path)
        if fault is not None:
            raise Refused(Reason.BAD_OPERAND, fault, self.locate(offset), self.in_list)
        self.paths.append(path)

    def _add_cluster(self, text: bytes, offset: int) -> None:
        letters, tail, capabilities = text[1:].partition(b"e")
        self._add_letters(letters, offset)
        if tail:
            if len(set(capabilities)) != len(capabilities):
                raise self.refuse("a capability is repeated", offset)
            self.capabilities = capabilities

    def _add_letters(self, letters: bytes, offset: int) -> None:
        for letter in letters:
            limit = MAX_VERBOSE if letter == ord("v") else 1
            if self.letters.count(letter) >= limit:
                raise self.refuse(f"-{chr(letter)} is repeated", offset)
            self.letters.append(letter)

    def _add_option(self, text: bytes, offset: int) -> None:
        if text.startswith(b"-B"):
            text = b"--block-size=" + text[2:]
        name, _, value = text.partition(b"=")
        if name in self.options:
            raise self.refuse(f"{name.decode()} is repeated", offset)
        if name in _BOUNDS:
            lowest, highest = _BOUNDS[name]
            if not lowest <= int(value) <= highest:
                raise self.refuse(f"{name.decode()} is not within {lowest} to {highest}", offset)
        self.options[name] = value

    def command(self, operation: str) -> RsyncServer:
        return RsyncServer(
            operation,
            b"".join(_LETTERS[i : i + 1] * self.letters.count(_LETTERS[i : i + 1])
                     for i in range(len(_LETTERS))),
            self.capabilities,
            tuple((name, self.options[name]) for name in _OPTIONS if name in self.options),
            tuple(self.paths),
        )


def parse(
    arguments: bytes, locate: Callable[[int], int], read_list: Callable[[], bytes]
) -> tuple[RsyncServer, Optional[bytes]]:
    """Return the command of ARGUMENTS, each ended by NUL, and the secluded list if it has one.

    LOCATE turns an offset of ARGUMENTS into one of the original command; READ_LIST is called only
    for a command with -s. Raises Refused.
    """
    collected = _Collected(locate, in_list=False)
    _collect(collected, "command", arguments)
    operation = Operation.BACKUP if collected.sender else Operation.RESTORE
    if b"s" not in collected.letters:
        return collected.command(operation), None
    secluded = read_list()
    collected.in_list, collected.locate = True, lambda offset: offset
    start = "sender_list" if collected.sender else "receiver_list"
    _collect(collected, start, _require_text(secluded))
    charset = collected.options.get(b"--iconv")
    if charset is not None:
        collected.paths = [recode(path, charset) for path in collected.paths]
    return collected.command(operation), secluded


def _collect(collected: _Collected, start: str, data: bytes) -> None:
    for token in vector.read(tables, start, data, collected.locate, collected.in_list):
        collected.add(token)


def _require_text(secluded: bytes) -> bytes:
    """Return the list without the empty string that ends it; refuse control characters."""
    data = secluded[:-1]
    begin = 0
    for argument in data.split(b"\0"):
        control = find_control(argument)
        if control is not None:
            place = begin + control
            raise Refused(Reason.BAD_SECLUDED_LIST, "control character in an argument", place, True)
        begin += len(argument) + 1
    return data

