"""The policy file as objects; every error says file:line, what is wrong and what to do."""

from __future__ import annotations

from ..command.paths import find_fault, is_beneath
from ..lean import sha256
from ..vocabulary import FEATURES, PROGRAMS, Feature, Operation, Program, is_label
from . import file
from .addresses import network
from .model import DEFAULT_SESSIONS, Block, Confine, Policy, Window
from .statements import RESTORE_ONLY, RIGHTS, SETTINGS, failure, statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Final

    from ..errors import GuardFailure
    from .addresses import Network
    from .statements import Statement

    # The statements of one block by keyword: arguments and line.
    Found = dict[str, tuple[list[bytes], int]]

MOST_SESSIONS: Final = 1000  # each holds 10 MB of the guard and a program of its own
CONFINE_MODES: Final = (Confine.STRICT, Confine.BEST_EFFORT, Confine.OFF)

_OPERATION_OF: Final = {
    "Backup": Operation.BACKUP,
    "Restore": Operation.RESTORE,
    "Rotate": Operation.ROTATE,
    "Audit": Operation.AUDIT,
}


def load(path: bytes) -> Policy:
    """Return the policy at PATH; raises GuardFailure(bad-policy)."""
    return parse(file.read(path), path)


def parse(data: bytes, path: bytes) -> Policy:
    """Return the policy that DATA, the bytes of the file at PATH, writes.

    Raises GuardFailure(bad-policy).
    """
    return _Reader(path).read(data)


class _Reader:
    """One reading of one file."""

    def __init__(self, path: bytes) -> None:
        self.path = path

    def error(self, line: int, complaint: str) -> GuardFailure:
        return failure(self.path, line, complaint)

    def read(self, data: bytes) -> Policy:
        settings: dict[str, bytes] = {}
        lines: dict[bytes, list[Statement]] = {}
        current: list[Statement] = []
        seen: dict[tuple[bytes, str], int] = {}
        label = b""
        for keyword, arguments, line in statements(data, self.path):
            if keyword == "Key":
                label = self._label(arguments, line, lines)
                current = lines[label] = [(keyword, arguments, line)]
                continue
            first = seen.setdefault((label, keyword), line)
            if first != line:
                raise self.error(line, f"{keyword} stands in line {first} already; keep one")
            if keyword in SETTINGS:
                if label:
                    raise self.error(line, f"{keyword} stands in a block; put it above Key")
                settings[keyword] = self._setting(keyword, arguments, line)
            elif not label:
                raise self.error(line, f"{keyword} stands outside a block; put it below a Key line")
            else:
                current.append((keyword, arguments, line))
        policy = Policy(self.path, sha256(data).hexdigest(), settings, {})
        blocks = {name: self._block(name, block, policy) for name, block in lines.items()}
        self._require_apart(blocks.values())
        return Policy(self.path, policy.sha256, settings, blocks)

    def _label(self, arguments: list[bytes], line: int, known: Iterable[bytes]) -> bytes:
        label = self._one("Key", arguments, line)
        if not is_label(label):
            rule = "a small letter, then up to 31 small letters, digits or dashes"
            raise self.error(line, f"a key label is {rule}")
        if label in known:
            raise self.error(line, f"Key {label.decode()} has a block already; keep one of them")
        return label

    def _setting(self, keyword: str, arguments: list[bytes], line: int) -> bytes:
        value = self._one(keyword, arguments, line)
        if keyword == "Confine":
            return self._choice(keyword, value, CONFINE_MODES, line).encode()
        return self._path(value, line)

    def _block(self, label: bytes, statements: list[Statement], policy: Policy) -> Block:
        line = statements[0][2]
        found = {keyword: (arguments, where) for keyword, arguments, where in statements[1:]}
        rights = [keyword for keyword in RIGHTS if keyword in found]
        if len(rights) != 1:
            found_rights = " and ".join(rights) or "no right"
            complaint = f"Key {label.decode()} has {found_rights}; a key has exactly one right"
            raise self.error(line, f"{complaint} of {', '.join(RIGHTS)}")
        operation = _OPERATION_OF[rights[0]]
        for keyword in RESTORE_ONLY:
            if keyword in found and operation != Operation.RESTORE:
                raise self.error(found[keyword][1], f"{keyword} belongs to a block with Restore")
        accept = frozenset(self._words(found, "Accept", FEATURES))
        roots = tuple(self._path(root, found[rights[0]][1]) for root in found[rights[0]][0])
        if not roots:
            raise self.error(found[rights[0]][1], f"{rights[0]} names no path; add one or more")
        if operation == Operation.RESTORE and Feature.WHOLE_SYSTEM not in accept:
            self._require_harmless(roots, found[rights[0]][1], policy)
        tools = tuple(self._words(found, "Tools", PROGRAMS)) or PROGRAMS
        munge_links = self._flag(found, "MungeLinks", default=False)
        if munge_links and tools != (Program.RSYNC,):
            advice = "it has no effect on tar: say Tools rsync"
            raise self.error(found["MungeLinks"][1], f"MungeLinks yes in a block for tar; {advice}")
        if "Never" in found and policy.confine == Confine.OFF:
            complaint = "Never hides nothing under Confine off; take one of the two lines out"
            raise self.error(found["Never"][1], complaint)
        return Block(
            label, line, operation, roots, tools, accept, tuple(self._networks(found)),
            self._flag(found, "Delete", default=True), munge_links,
            tuple(self._never(found)), self._window(found), self._sessions(found),
            self._size(found, "KeepFree"),
        )

    def _window(self, found: Found) -> str:
        if "Window" not in found:
            return Window.GRANTED
        arguments, line = found["Window"]
        choices = (Window.GRANTED, Window.ALWAYS)
        return self._choice("Window", self._one("Window", arguments, line), choices, line)

    def _never(self, found: Found) -> Iterator[bytes]:
        arguments, line = found.get("Never", ([], 0))
        if line and not arguments:
            raise self.error(line, "Never names no path; add one or take the line out")
        for argument in arguments:
            yield self._path(argument, line)

    def _sessions(self, found: Found) -> int:
        if "MaxSessions" not in found:
            return DEFAULT_SESSIONS
        arguments, line = found["MaxSessions"]
        number = self._one("MaxSessions", arguments, line)
        if not number.isdigit() or not 1 <= int(number[:4]) <= MOST_SESSIONS or len(number) > 4:
            raise self.error(line, f"MaxSessions takes a number from 1 to {MOST_SESSIONS}")
        return int(number)

    def _size(self, found: Found, keyword: str) -> int:
        """Return the bytes that NUMBER or NUMBER with K, M, G or T writes; 0 without the line."""
        if keyword not in found:
            return 0
        arguments, line = found[keyword]
        text = self._one(keyword, arguments, line)
        digits = text[:-1] if text[-1:] in b"KMGT" else text
        if not digits.isdigit() or len(digits) > 15:
            raise self.error(line, f"{keyword} takes a size such as 500M or 10G")
        return int(digits) << 10 * (b"KMGT".find(text[-1:]) + 1 if text != digits else 0)

    def _require_harmless(self, roots: Iterable[bytes], line: int, policy: Policy) -> None:
        """Refuse restore roots that would give away the machine, unless the block accepts it."""
        from .system import find_overlap  # the backup key's way does without it

        own = (policy.path, policy.log, policy.state, policy.rsync, policy.tar)
        for root in roots:
            overlap = find_overlap(root, own)
            if overlap is not None:
                shown, what = (x.decode("utf-8", "backslashreplace") for x in (root, overlap))
                advice = "choose a folder of its own, or say Accept whole-system"
                raise self.error(line, f"Restore {shown} would write over {what}; {advice}")

    def _require_apart(self, blocks: Collection[Block]) -> None:
        """Refuse a root below a restore root: whoever restores could put a link in its place."""
        writable = [
            (block, root) for block in blocks for root in block.roots
            if block.operation == Operation.RESTORE and Feature.WHOLE_SYSTEM not in block.accept
        ]
        for block in blocks:
            for root in block.roots:
                for holder, above in writable:
                    if root != above and is_beneath(root, above):
                        raise self.error(block.line, _overlap_complaint(root, above, holder))

    def _networks(self, found: Found) -> Iterator[Network]:
        arguments, line = found.get("From", ([], 0))
        if line and not arguments:
            raise self.error(line, "From names no address; add one or take the line out")
        for argument in arguments:
            try:
                yield network(argument.decode("ascii", "backslashreplace"))
            except ValueError as error:
                raise self.error(line, f"{error}; write ADDRESS or ADDRESS/BITS") from None

    def _words(
        self, found: Found, keyword: str, choices: Iterable[str]
    ) -> list[str]:
        arguments, line = found.get(keyword, ([], 0))
        if line and not arguments:
            raise self.error(line, f"{keyword} names nothing; add a word or take the line out")
        words = [self._choice(keyword, argument, choices, line) for argument in arguments]
        if len(set(words)) != len(words):
            raise self.error(line, f"{keyword} names a word twice; keep one of them")
        return words

    def _flag(
        self, found: Found, keyword: str, default: bool
    ) -> bool:
        if keyword not in found:
            return default
        arguments, line = found[keyword]
        value = self._one(keyword, arguments, line)
        return self._choice(keyword, value, ("yes", "no"), line) == "yes"

    def _one(self, keyword: str, arguments: list[bytes], line: int) -> bytes:
        if len(arguments) != 1:
            raise self.error(line, f"{keyword} takes one argument, not {len(arguments)}")
        return arguments[0]

    def _choice(self, keyword: str, value: bytes, choices: Iterable[str], line: int) -> str:
        text = value.decode("utf-8", "backslashreplace")
        if text not in choices:
            raise self.error(line, f'{keyword} knows no "{text}"; it takes {", ".join(choices)}')
        return text

    def _path(self, value: bytes, line: int) -> bytes:
        fault = find_fault(value)
        if fault is not None:
            shown = value.decode("utf-8", "backslashreplace")
            advice = "write it from / on, without empty, . and .. components"
            raise self.error(line, f"{shown}: {fault}; {advice}")
        return value.rstrip(b"/") or b"/"


def _overlap_complaint(root: bytes, above: bytes, holder: Block) -> str:
    shown, upper = (path.decode("utf-8", "backslashreplace") for path in (root, above))
    where = f"{shown} lies below {upper}, a restore root of Key {holder.label.decode()}"
    return f"{where}; its restores could put a link there: choose separate folders"
