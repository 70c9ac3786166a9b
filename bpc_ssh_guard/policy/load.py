"""The policy file as objects; every error says file:line, what is wrong and what to do."""

from __future__ import annotations

from ..command.paths import is_beneath
from ..lean import sha256
from ..vocabulary import Feature, Operation
from . import file
from .blocks import BlockReader
from .model import Block, Confine, Policy
from .statements import SETTINGS, statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Final

    from .statements import Statement

CONFINE_MODES: Final = (Confine.STRICT, Confine.BEST_EFFORT, Confine.OFF)


def load(path: bytes) -> Policy:
    """Return the policy at PATH; raises GuardFailure(bad-policy)."""
    return parse(file.read(path), path)


def parse(data: bytes, path: bytes) -> Policy:
    """Return the policy that DATA, the bytes of the file at PATH, writes.

    Raises GuardFailure(bad-policy).
    """
    return _Reader(path).read(data)


class _Reader(BlockReader):
    """One reading of one file."""

    __slots__ = ()

    def read(self, data: bytes) -> Policy:
        settings: dict[str, bytes] = {}
        lines: dict[bytes, list[Statement]] = {}
        current: list[Statement] = []
        seen: dict[tuple[bytes, str], int] = {}
        label = b""
        for keyword, arguments, line in statements(data, self.path_of_policy):
            if keyword == "Key":
                label = self._new_label(arguments, line, lines)
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
        policy = Policy(self.path_of_policy, sha256(data).hexdigest(), settings, {})
        blocks = {name: self.block(name, block, policy) for name, block in lines.items()}
        self._require_apart(blocks.values())
        self._require_rotatable(blocks, lines)
        return Policy(self.path_of_policy, policy.sha256, settings, blocks)

    def _new_label(self, arguments: list[bytes], line: int, known: Iterable[bytes]) -> bytes:
        label = self.label("Key", self.one("Key", arguments, line), line)
        if label in known:
            raise self.error(line, f"Key {label.decode()} has a block already; keep one of them")
        return label

    def _setting(self, keyword: str, arguments: list[bytes], line: int) -> bytes:
        value = self.one(keyword, arguments, line)
        if keyword == "Confine":
            return self.choice(keyword, value, CONFINE_MODES, line).encode()
        return self.path(value, line)

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

    def _require_rotatable(
        self, blocks: Mapping[bytes, Block], lines: Mapping[bytes, list[Statement]]
    ) -> None:
        """Refuse to rotate what is no key here, or a rotation key: a thief would make it his."""
        for block in blocks.values():
            for label in block.rotates:
                line = next(line for keyword, _, line in lines[block.label] if keyword == "Rotate")
                shown = label.decode()
                if label not in blocks:
                    complaint = f"Rotate names {shown}, which has no block; add Key {shown}"
                    raise self.error(line, complaint)
                if blocks[label].operation == Operation.ROTATE:
                    advice = "replace it by bpc-ssh-guardctl authorize, and take it out here"
                    raise self.error(line, f"Rotate names {shown}, a rotation key; {advice}")


def _overlap_complaint(root: bytes, above: bytes, holder: Block) -> str:
    shown, upper = (path.decode("utf-8", "backslashreplace") for path in (root, above))
    where = f"{shown} lies below {upper}, a restore root of Key {holder.label.decode()}"
    return f"{where}; its restores could put a link there: choose separate folders"
