"""Requests made from legitimate ones by the changes that an attacker or a fault would make.

A request is a command and the bytes on standard input. The changes: shell syntax put in, foreign
separators, options moved, doubled, spliced in or respelt, paths that lead out, numbers of other
forms, lists that end elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from bpc_ssh_guard.command import words
from tests.oracles import corpus
from tests.oracles.writing import escape

SHELL_BYTES = (
    b"'", b"''", b'"', b"\\", b"\\\n", b"\n", b"$a", b"$(id)", b"`id`", b";", b"&", b"|", b"<",
    b">",
    b"*", b"?", b"[a]", b"{a,b}", b"~", b"#", b"!", b"\0", b"\x1b[2J", b"\x7f", b"\xff",
    b"\xc2\x9b",
)  # fmt: skip
SEPARATORS = (
    *(bytes((byte,)) for byte in (9, 10, 11, 12, 13, 0x1C, 0x1D, 0x1E, 0x1F, 0x85, 0xA0)),
    *(chr(code).encode() for code in (0x85, 0xA0, 0x2000, 0x2003, 0x200A, 0x2028, 0x3000)),
    b"  ", b"",
)  # fmt: skip
OPTIONS = (
    b"--server", b"--sender", b"--daemon", b"--log-file=/tmp/x", b"--log-file", b"--files-from=-",
    b"--remove-source-files", b"--delete", b"--delete-after", b"--numeric-ids", b"--timeout=5",
    b"--timeout", b"--block-size=512", b"-B512", b"--iconv=utf8", b"--iconv=.", b"--safe-links",
    b"--copy-links", b"-L", b"-s", b"-slH", b"-e.iLs", b"-e", b"-D", b"--perms", b"--recursive",
    b"--partial-dir=/etc", b"--temp-dir", b"--confine-root=/", b"--no-munge-links", b"--compress",
    b"--compress-level=9", b"--fake-super", b"--log-format=%i", b"--usermap=*:0",
    b"--write-batch=x",
    b"-c", b"-x", b"-f", b"-", b"-C", b"/srv/data", b"-T", b"-I", b"-P", b"-h", b"--to-command=id",
    b"--checkpoint-action=exec=id", b"--checkpoint=1", b"--use-compress-program=id", b"--totals",
    b"--newer=2026-11-23", b"--newer", b"2026-11-23 02:16:28", b"--newer=/etc/passwd", b"--acls",
    b"--exclude=*", b"--exclude-from=/etc/shadow", b"-X", b"--xattrs", b"--xattrs-include=*", b"-v",
    b".", b"..", b"--", b"", b"./x", b"./../x", b"env", b"sudo", b"-u", b"root", b"nice", b"-19",
    b"ionice", b"-c3", b"LC_ALL=C", b"LD_PRELOAD=/x", b"rsync", b"tar", b"/bin/sh",
)  # fmt: skip
PATH_PARTS = (
    b"/", b"/.", b"/..", b"/../../etc", b"//", b"X", b"-", b"/link", b"\xff", b"/" + b"a" * 255,
    b"/" + b"b" * 256, b"/\xc3\xa9", b"/e\xcc\x81", b"/\xc2\x85", b"/\xe2\x80\xae", b"/a b", b"*",
)  # fmt: skip
NUMBERS = (
    b"0", b"00", b"1", b"01", b"+1", b"-1", b"0x10", b"1e9", b"1_000", b" 1", b"1 ", b"511", b"512",
    b"131072", b"131073", b"2147483647", b"2147483648", b"9223372036854775808", b"1.5", b"1k",
    "\u0661".encode(), "\uff11".encode(), b"",
)  # fmt: skip
LETTERS = b"slLkKeMfFTHogDtprcxAXISRznWubv"


@dataclass(frozen=True)
class Request:
    """What a peer sends, and the entry of the corpus that it began as."""

    entry: corpus.Entry
    command: bytes
    stdin: bytes


@functools.lru_cache(maxsize=1)
def legitimate() -> tuple[corpus.Entry, ...]:
    """Return the entries that must be allowed, without the longest."""
    return tuple(
        entry
        for entry in corpus.all_entries()
        if entry.expect == "allow" and entry.command is not None and len(entry.command) < 2000
    )


@st.composite
def _path_changed(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    places = [i for i, word in enumerate(vector) if b"/" in word] or [0]
    place = draw(st.sampled_from(places))
    cut = draw(st.integers(0, len(vector[place])))
    part = draw(st.sampled_from(PATH_PARTS))
    changed = vector[place][:cut] + part + vector[place][cut:]
    return [*vector[:place], changed, *vector[place + 1 :]]


@st.composite
def _number_changed(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    places = [i for i, word in enumerate(vector) if word[-1:].isdigit()] or [0]
    place = draw(st.sampled_from(places))
    stem = vector[place].rstrip(b"0123456789") + draw(st.sampled_from(NUMBERS))
    return [*vector[:place], stem, *vector[place + 1 :]]


@st.composite
def _option_put_in(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    place = draw(st.integers(0, len(vector)))
    return [*vector[:place], draw(st.sampled_from(OPTIONS)), *vector[place:]]


@st.composite
def _word_moved(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    rest = list(vector)
    word = rest.pop(draw(st.integers(0, len(rest) - 1)))
    rest.insert(draw(st.integers(0, len(rest))), word)
    return rest


@st.composite
def _word_doubled(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    word = draw(st.sampled_from(vector))
    place = draw(st.integers(0, len(vector)))
    return [*vector[:place], word, *vector[place:]]


@st.composite
def _word_dropped(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    place = draw(st.integers(0, len(vector) - 1))
    return [*vector[:place], *vector[place + 1 :]] or [b""]


@st.composite
def _word_respelt(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    """Cut a name short, part a value from its option or glue one to it, put in a letter."""
    place = draw(st.integers(0, len(vector) - 1))
    word = vector[place]
    cut = draw(st.integers(0, len(word)))
    letter = bytes((draw(st.sampled_from(LETTERS)),))
    changed = draw(
        st.sampled_from(
            (
                [word[:cut]],
                [word[:cut] + letter + word[cut:]],
                [word.partition(b"=")[0], word.partition(b"=")[2]],
                [word.replace(b"=", b"", 1)],
                [word + b"=", *vector[place + 1 : place + 2]],
                [word.upper()],
            )
        )
    )
    return [*vector[:place], *changed, *vector[place + 1 :]]


@st.composite
def _spliced(draw: st.DrawFn, vector: list[bytes]) -> list[bytes]:
    other = draw(st.sampled_from(legitimate()))
    theirs = list(words.split(other.command or b"").items)
    mine = draw(st.integers(0, len(vector)))
    return [*vector[:mine], *theirs[draw(st.integers(0, len(theirs) - 1)) :]]


_CHANGES: tuple[Callable[[list[bytes]], st.SearchStrategy[list[bytes]]], ...] = (
    _path_changed, _number_changed, _option_put_in, _word_moved, _word_doubled, _word_dropped,
    _word_respelt, _spliced,
)  # fmt: skip


@st.composite
def vectors(draw: st.DrawFn, start: tuple[bytes, ...]) -> list[bytes]:
    """Return the vector START after some of the changes, or none."""
    vector = list(start)
    for _ in range(draw(st.integers(0, 3))):
        vector = draw(draw(st.sampled_from(_CHANGES))(vector or [b""]))
    return vector


@st.composite
def _text_changed(draw: st.DrawFn, text: bytes) -> bytes:
    """Return TEXT with shell syntax put in, a separator replaced, or a byte changed."""
    place = draw(st.integers(0, len(text)))
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return text[:place] + draw(st.sampled_from(SHELL_BYTES)) + text[place:]
    if kind == 1:
        blanks = [i for i, byte in enumerate(text) if byte == 0x20] or [0]
        blank = draw(st.sampled_from(blanks))
        return text[:blank] + draw(st.sampled_from(SEPARATORS)) + text[blank + 1 :]
    return text[:place] + bytes((draw(st.integers(0, 255)),)) + text[place + 1 :]


@st.composite
def _list_changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Return the bytes of a list cut off, ended twice, or with a NUL more."""
    place = draw(st.integers(0, len(data)))
    return draw(
        st.sampled_from(
            (data[:place], data + b"\0", data + data, data[:place] + b"\0" + data[place:])
        )
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Return a request that began as a legitimate one."""
    entry = draw(st.sampled_from(legitimate()))
    vector = draw(vectors(words.split(entry.command or b"").items))
    command = b" ".join(escape(word) or b"''" for word in vector)
    if draw(st.integers(0, 3)) == 0:
        command = draw(_text_changed(command))
    stdin = entry.stdin
    if stdin.endswith(b"\0\0"):
        arguments = draw(vectors(tuple(stdin[:-2].split(b"\0"))))
        stdin = b"".join(argument + b"\0" for argument in (*arguments, b""))
        if draw(st.integers(0, 5)) == 0:
            stdin = draw(_list_changed(stdin))
    return Request(entry, command, stdin)
