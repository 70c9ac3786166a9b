"""GNU tar as BackupPC calls it, typed, and its rendering for exec."""

from __future__ import annotations

from ..errors import Refused
from ..grammar.tables import tar as tables
from ..vocabulary import FEATURES, Feature, Operation, Program, Reason
from . import vector
from .paths import find_fault, find_name_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final, Optional

# The options without a value, in the order of rendering.
_SWITCHES: Final = (
    b"-v", b"-p", b"--numeric-owner", b"--same-owner", b"--totals", b"--one-file-system",
    b"--acls", b"--xattrs",
)
_FEATURE_OF: Final = {b"--acls": Feature.ACLS, b"--xattrs": Feature.XATTRS}


class TarCommand:
    """One tar: create to standard output or extract from standard input, in one folder.

    `names` are relative to `directory`: b"." alone or names that begin with "./"; none when
    extracting. `newer` is the option and its date, "YYYY-MM-DD[ HH:MM[:SS]]" in local time.
    """

    __slots__ = ("directory", "excludes", "names", "newer", "operation", "switches")
    program: Final = Program.TAR
    deletes: Final = False
    operation: Final[str]
    directory: Final[bytes]
    switches: Final[tuple[bytes, ...]]
    excludes: Final[tuple[bytes, ...]]
    newer: Final[Optional[tuple[bytes, bytes]]]
    names: Final[tuple[bytes, ...]]

    def __init__(
        self,
        operation: str,
        directory: bytes,
        switches: tuple[bytes, ...],
        excludes: tuple[bytes, ...],
        newer: Optional[tuple[bytes, bytes]],
        names: tuple[bytes, ...],
    ) -> None:
        self.operation = operation
        self.directory = directory
        self.switches = switches
        self.excludes = excludes
        self.newer = newer
        self.names = names

    @property
    def paths(self) -> tuple[bytes, ...]:
        """Return the folder that the command works in; its names are all below it."""
        return (self.directory,)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features that a policy must accept, in the order of the vocabulary."""
        needed = {_FEATURE_OF[switch] for switch in self.switches if switch in _FEATURE_OF}
        return tuple(feature for feature in FEATURES if feature in needed)

    @property
    def rule(self) -> str:
        """Name the rule of the grammar, for the record."""
        return "tar-create" if self.operation == Operation.BACKUP else "tar-extract"

    def arguments(self, injected: Iterable[bytes] = ()) -> tuple[bytes, ...]:
        """Return the arguments for exec; INJECTED options come last, before the names."""
        create = self.operation == Operation.BACKUP
        excludes = [b"--exclude=" + pattern for pattern in self.excludes]
        newer = [] if self.newer is None else [b"=".join(self.newer)]
        head = (b"-c" if create else b"-x", b"-f", b"-", b"-C", self.directory)
        return (*head, *self.switches, *excludes, *newer, *injected, *self.names)


class _Collected:
    """What the tokens have said so far; each thing may be said once, but for names and patterns."""

    def __init__(self, locate: Callable[[int], int]) -> None:
        self.locate = locate
        self.operation = ""
        self.once: dict[str, bytes] = {}
        self.switches: set[bytes] = set()
        self.excludes: list[bytes] = []
        self.newer = b""
        self.names: list[bytes] = []

    def refuse(self, detail: str, offset: int) -> Refused:
        return Refused(Reason.UNKNOWN_OPTION, detail, self.locate(offset))

    def add(self, name: str, text: bytes, offset: int) -> None:
        """Take in one token of tar.lark."""
        if name in ("CREATE", "EXTRACT"):
            self.operation = Operation.BACKUP if name == "CREATE" else Operation.RESTORE
        elif name == "EXCLUDE":
            self.excludes.append(text.partition(b"=")[2])
        elif name in ("SELF", "NAME"):
            self._add_name(text, offset)
        elif name in ("STDIO", "DIRECTORY"):
            self._add_once(name, text, offset)
        elif name in ("NEWER", "NEWER_OPTION"):
            self._add_once("NEWER", text.partition(b"=")[0], offset)
            self.newer = text.partition(b"=")[2]
        elif name == "DATE":
            self.newer = text
        elif text in self.switches:
            raise self.refuse(f"{text.decode()} is repeated", offset)
        else:
            self.switches.add(text)

    def _add_once(self, name: str, text: bytes, offset: int) -> None:
        if name in self.once:
            raise self.refuse("the option is repeated", offset)
        fault = find_fault(text) if name == "DIRECTORY" else None
        if fault is not None:
            raise Refused(Reason.BAD_OPERAND, fault, self.locate(offset))
        self.once[name] = text

    def _add_name(self, text: bytes, offset: int) -> None:
        fault = find_name_fault(text[2:])
        if fault is not None:
            raise Refused(Reason.BAD_OPERAND, fault, self.locate(offset))
        self.names.append(text)

    def command(self, end: int) -> TarCommand:
        if "STDIO" not in self.once:
            raise Refused(Reason.BAD_OPERAND, "-f - is missing", self.locate(end))
        if "DIRECTORY" not in self.once:
            raise Refused(Reason.BAD_OPERAND, "-C with a folder is missing", self.locate(end))
        return TarCommand(
            self.operation,
            self.once["DIRECTORY"],
            tuple(switch for switch in _SWITCHES if switch in self.switches),
            tuple(self.excludes),
            (self.once["NEWER"], self.newer) if "NEWER" in self.once else None,
            tuple(self.names),
        )


def parse(arguments: bytes, locate: Callable[[int], int]) -> TarCommand:
    """Return the command of ARGUMENTS, each ended by NUL; raises Refused.

    LOCATE turns an offset of ARGUMENTS into one of the original command.
    """
    collected = _Collected(locate)
    for name, raw, offset in vector.read(tables, "start", arguments, locate):
        collected.add(name, raw[:-1], offset)
    return collected.command(len(arguments))

