"""The policy lines that would admit what the log says was refused, and what each of them opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..command.paths import find_fault, is_beneath
from ..vocabulary import FEATURES, PROGRAMS, Operation, Reason
from .explain import RIGHT_OF, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..policy.model import Block, Policy
    from ..record.read import LogLine

    Record = Mapping[str, object]


@dataclass(frozen=True)
class Suggestion:
    """One line for one block: what it opens, how often it was missed, and when last."""

    label: str
    line: str
    opens: str
    refusals: int
    last: str

    def as_json(self) -> dict[str, object]:
        return {
            "key": self.label, "line": self.line, "opens": self.opens,
            "refusals": self.refusals, "last": self.last,
        }


def suggest(policy: Policy, log: Iterable[LogLine]) -> list[Suggestion]:
    """Return what would admit the refusals in LOG that POLICY still refuses, by key and keyword.

    A line holds what the block says already and everything that was missed. Refusals that no
    policy can admit give none.
    """
    missed: dict[tuple[str, str], dict[str, int]] = {}
    last: dict[tuple[str, str], str] = {}
    for entry in log:
        record = entry.record or {}
        label = _text(record, "bpc.key.label")
        block = policy.blocks.get(label.encode("utf-8", "replace"))
        if record.get("event.action") != "command-denied" or block is None:
            continue
        for keyword, word in _missing(block, record):
            words = missed.setdefault((label, keyword), {})
            words[word] = words.get(word, 0) + 1
            last[label, keyword] = _text(record, "@timestamp")
    return [
        _suggestion(label, keyword, words, policy.blocks[label.encode()], last[label, keyword])
        for (label, keyword), words in missed.items()
    ]


def _missing(block: Block, record: Record) -> Iterator[tuple[str, str]]:
    """Yield keyword and word that BLOCK lacks for the command of RECORD."""
    reason = record.get("event.code")
    if reason == Reason.FEATURE_NOT_ACCEPTED:
        for feature in _texts(record, "bpc.features"):
            if feature in FEATURES and feature not in block.accept:
                yield "Accept", feature
    elif reason == Reason.TOOL_NOT_ALLOWED:
        program = _text(record, "bpc.program")
        if program in PROGRAMS and program not in block.tools:
            yield "Tools", program
    elif reason == Reason.DELETE_NOT_PERMITTED and not block.delete:
        yield "Delete", "yes"
    elif reason == Reason.OUTSIDE_ROOTS:
        for shown in _texts(record, "bpc.paths"):
            path = shown.encode("utf-8", "surrogateescape")
            if find_fault(path) is None and not any(is_beneath(path, r) for r in block.roots):
                yield RIGHT_OF[block.operation], quote(path.rstrip(b"/") or b"/")


def _suggestion(
    label: str, keyword: str, words: Mapping[str, int], block: Block, last: str
) -> Suggestion:
    present = {
        "Accept": sorted(block.accept),
        "Tools": list(block.tools),
        "Delete": [],
    }.get(keyword, [quote(root) for root in block.roots])
    line = f"{keyword} {' '.join((*present, *words))}"
    opens = "; ".join(_opens(keyword, word) for word in words)
    return Suggestion(label, line, opens, max(words.values()), last)


def _opens(keyword: str, word: str) -> str:
    if keyword == "Accept":
        return FEATURES[word]
    if keyword == "Tools":
        return f"{word} beside the other tools"
    if keyword == "Delete":
        return "restores that remove files which the backup does not hold"
    verb = "reading" if keyword == RIGHT_OF[Operation.BACKUP] else "writing"
    return f"{verb} everything below {word}"


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _texts(record: Record, name: str) -> list[str]:
    value = record.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
