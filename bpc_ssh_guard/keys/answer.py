"""What a client answers to bpc-key/1, read strictly: whoever answers otherwise is not believed.

The form is that of bpc-ssh-keys-protocol(7). A member too many or too few, or of another type,
makes it no answer, since a decision about keys would rest on a guess.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Optional

from ..vocabulary import is_authority_id, is_key_id, is_label
from .trouble import OF_CLIENT, Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ANSWER_LIMIT: Final = 256 * 1024  # bytes of one line: 32 labels with two keys take 16 KiB
GREETING_LIMIT: Final = 512
MESSAGE_LIMIT: Final = 500  # characters of a client's own words that are passed on

RESULTS: Final = frozenset(
    {"staged", "refreshed", "already", "confirmed", "dropped", "retired", "granted", "ungranted"}
)
_GREETING: Final = re.compile(
    rb"bpc-ssh-guard ([!-~]{1,64}) label=([a-z0-9-]{1,32}) key=([0-9a-f]{32})"
    rb" generation=([1-9][0-9]{0,5}|-)(?: authority=([0-9a-f]{32}))?\n"
)


@dataclass(frozen=True)
class Key:
    """A key or authority of the list; `generation` is None where its line is not managed."""

    label: str
    key: str
    generation: Optional[int]
    staged: bool
    until: Optional[int]
    proven: Optional[int]
    used: Optional[int]
    consistent: bool

    @property
    def is_confirmed(self) -> bool:
        """Tell whether it is a managed key that lasts."""
        return self.generation is not None and not self.staged


@dataclass(frozen=True)
class Grant:
    """An open grant."""

    label: str
    id: str
    until: int


@dataclass(frozen=True)
class Listed:
    """What a client has: its keys of the labels, and what else stands in the file."""

    keys: tuple[Key, ...]
    foreign: int
    mode: str
    duplicates: tuple[str, ...]
    grants: tuple[Grant, ...]
    authorities: tuple[Key, ...] = ()

    def of(self, label: str) -> list[Key]:
        """Return the keys of LABEL."""
        return [key for key in self.keys if key.label == label]

    def find(self, label: str, key_id: str) -> Optional[Key]:
        """Return the key KEY_ID of LABEL, by its managed line if it has one."""
        found = [key for key in self.of(label) if key.key == key_id]
        return min(found, key=lambda key: key.generation is None, default=None)

    def find_authority(self, label: str, authority: str) -> Optional[Key]:
        """Return the managed line of AUTHORITY, `cert-` and its KEYID, of LABEL."""
        return next((each for each in self.authorities if (each.label, each.key) ==
                     (label, authority) and each.generation is not None), None)

    def highest(self, label: str) -> int:
        """Return the highest generation of LABEL, 0 where there is none."""
        return max((key.generation or 0 for key in self.of(label)), default=0)


@dataclass(frozen=True)
class Done:
    """A request that was done, or was so already."""

    result: str
    until: Optional[int]


@dataclass(frozen=True)
class Greeting:
    """What a login without a command is told."""

    version: str
    label: str
    key: str
    generation: Optional[int]
    authority: Optional[str] = None  # the KEYID of the one whose certificate logged in


def greeting(data: bytes) -> Greeting:
    """Return the greeting that DATA is; raises Trouble(no-answer)."""
    found = _GREETING.fullmatch(data)
    if found is None:
        raise _none("the login without a command was not greeted by bpc-ssh-guard")
    version, label, key, number = (each.decode("ascii") for each in found.groups()[:4])
    signer = found[5].decode("ascii") if found[5] else None
    return Greeting(version, label, key, None if number == "-" else int(number), signer)


def listed(data: bytes) -> Listed:
    """Return the list that DATA is; raises Trouble."""
    members = _members(data)
    _require(members, _LIST)
    return Listed(
        tuple(Key(*_require(each, _KEY).values()) for each in members["keys"]),
        members["foreign"], members["mode"], tuple(members["duplicates"]),
        tuple(Grant(*_require(each, _GRANT).values()) for each in members["grants"]),
        tuple(Key(*_require(each, _AUTHORITY).values()) for each in members["authorities"]),
    )


def done(data: bytes) -> Done:
    """Return what DATA says of a request that changes something; raises Trouble."""
    members = _members(data)
    until = members.get("until")  # a grant that is closed has none
    _require({"result": members.get("result"), "until": until}, _DONE)
    if not set(members) <= _ABOUT:
        raise _none("its answer has members that bpc-key/1 doesn't know")
    return Done(members["result"], until)


def _members(data: bytes) -> dict[str, Any]:
    """Return the members of an answer that says ok, without v and ok; raises Trouble."""
    try:
        answer = json.loads(data.decode("ascii")) if data.endswith(b"\n") else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.pop("v", None) != 1:
        raise _none("no answer of bpc-key/1 came; is the key's block Rotate, and the policy sound?")
    if answer.pop("ok", None) is True:
        return answer
    _require(answer, _REFUSAL)
    shown = "".join(each if each.isprintable() else "?" for each in answer["message"])
    raise Trouble(answer["error"], shown[:MESSAGE_LIMIT])


def _require(value: Any, form: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    """Return VALUE, an object of exactly the members of FORM, in its order; raises Trouble."""
    if not isinstance(value, dict) or set(value) != set(form):
        raise _none("its answer has not the members of bpc-key/1")
    for name, fits in form.items():
        if not fits(value[name]):
            raise _none(f"its answer has a {name} that is none")
    return {name: value[name] for name in form}


def _none(text: str) -> Trouble:
    return Trouble(Word.NO_ANSWER, text)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _number_or_none(value: Any) -> bool:
    return value is None or _number(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _label(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and is_label(value.encode("ascii"))


def _key_id(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and is_key_id(value.encode("ascii"))


def _authority_id(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and is_authority_id(value.encode("ascii"))


def _array(value: Any) -> bool:
    return isinstance(value, list)


def _word(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 64


_LIST: Final = {
    "keys": _array, "authorities": _array, "foreign": _number,
    "mode": lambda value: isinstance(value, str) and re.fullmatch("[0-7]{4}", value) is not None,
    "duplicates": lambda value: isinstance(value, list) and all(map(_key_id, value)),
    "grants": _array,
}
_KEY: Final = {
    "label": _label, "key": _key_id, "gen": _number_or_none, "staged": _flag,
    "until": _number_or_none, "proven": _number_or_none, "used": _number_or_none,
    "consistent": _flag,
}
_AUTHORITY: Final = {**_KEY, "key": _authority_id}
_GRANT: Final = {"label": _label, "id": _word, "until": _number}
_DONE: Final = {
    "result": lambda value: isinstance(value, str) and value in RESULTS, "until": _number_or_none,
}
_ABOUT: Final = frozenset({"result", "label", "key", "gen", "id", "until"})
_REFUSAL: Final = {
    "error": lambda value: isinstance(value, str) and value in OF_CLIENT,
    "message": lambda value: isinstance(value, str),
    "retry": _flag,
}
