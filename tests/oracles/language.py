"""The language of tests/corpus/README.md written a second time, as a judge of rendered vectors.

It shares no table and no code with the command room: what the guard is about to start is read here
as the tool would read it, word by word, and each option, value and path must be one that the
README lists for the direction, under the features and roots of the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

NUMBER = rb"0|[1-9][0-9]{0,9}"
RSYNC_VALUES: dict[bytes, bytes] = {
    b"--timeout": NUMBER,
    b"--bwlimit": NUMBER,
    b"--checksum-seed": NUMBER,
    b"--block-size": rb"[1-9][0-9]{2,5}",
    b"--compress-level": rb"0|[1-9][0-9]?",
    b"--compress-choice": rb"zstd|lz4|zlib|zlibx|none",
    b"--iconv": rb"[A-Za-z0-9][A-Za-z0-9_.-]*",
    b"--log-format": rb"%i|%i%I|%o|X",
}
RSYNC_BACKUP = {
    b"--timeout", b"--bwlimit", b"--checksum-seed", b"--block-size", b"--numeric-ids",
    b"--ignore-errors", b"--devices",
}
RSYNC_RESTORE = {
    b"--timeout", b"--bwlimit", b"--checksum-seed", b"--block-size", b"--numeric-ids",
    b"--log-format", b"--super", b"--stats", b"--partial", b"--relative",
}
BACKUP_LETTERS = set(b"vlHogDtprcxIS")
RESTORE_LETTERS = set(b"vlHogDtprcxIR")
LETTER_FEATURES = {"acls": b"A", "xattrs": b"X", "compress": b"z"}
OPTION_FEATURES = {
    "iconv": {b"--iconv"},
    "compress": {b"--compress-level", b"--compress-choice"},
    "fake-super": {b"--fake-super"},
}
INJECTED = {b"--drop-D", b"--chmod=ug-s", b"--munge-links"}

DATE = rb"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?"
TAR_BACKUP = {b"-v", b"--totals", b"--one-file-system", b"--no-unquote"}
TAR_RESTORE = {b"-v", b"-p", b"--numeric-owner", b"--same-owner", b"--no-overwrite-dir"}


@dataclass(frozen=True)
class Right:
    """What a key may do, in the README's words."""

    operation: str
    roots: tuple[bytes, ...]
    accept: frozenset[str] = frozenset()
    delete: bool = True
    munge_links: bool = False


@dataclass
class _Seen:
    """Options met so far; each may come once."""

    names: list[bytes] = field(default_factory=list)

    def twice(self, name: bytes) -> bool:
        self.names.append(name)
        return self.names.count(name) > 1


def complaints(argv: Sequence[bytes], right: Right) -> list[str]:
    """Return what is wrong with ARGV, the program first, for a key with RIGHT; none is right."""
    tool = argv[0].rpartition(b"/")[2]
    judge = {b"rsync": _rsync, b"tar": _tar}.get(tool)
    if judge is None or argv[0][:1] != b"/":
        return [f"{argv[0]!r} is no absolute rsync or tar"]
    return list(judge(list(argv[1:]), right))


def _rsync(words: list[bytes], right: Right) -> Iterator[str]:
    backup = right.operation == "backup"
    head = [b"--server"] + [b"--sender"] * backup
    if words[: len(head)] != head:
        yield f"does not begin with {head}"
        return
    words = words[len(head) :]
    if b"." not in words:
        yield "no ."
        return
    dot = words.index(b".")
    yield from _rsync_options(words[:dot], right)
    paths = words[dot + 1 :]
    if not paths or (not backup and len(paths) > 1):
        yield f"{len(paths)} paths"
    for path in paths:
        yield from _path(path, right.roots)


def _rsync_options(options: list[bytes], right: Right) -> Iterator[str]:
    if options and re.match(rb"-[^-]", options[0]):
        yield from _cluster(options.pop(0), right)
    backup = right.operation == "backup"
    allowed = _rsync_allowed(right)
    seen = _Seen()
    for option in options:
        name, _, value = option.partition(b"=")
        if seen.twice(name):
            yield f"{option!r} again"
        if option in INJECTED and not backup:
            continue
        if name == b"--confine-root" and backup:
            if value in (b"", b"/") or not any(_below(root, value) for root in right.roots):
                yield f"{option!r} confines to no folder of the key"
        elif name not in allowed:
            yield f"{option!r} is not listed"
        else:
            yield from _rsync_value(option)
    if not backup and "setuid" not in right.accept and b"--chmod=ug-s" not in options:
        yield "set-id bits are not taken away"
    if not backup and "devices" not in right.accept and b"--drop-D" not in options:
        yield "devices are not dropped"


def _rsync_allowed(right: Right) -> set[bytes]:
    """Return the names of the long options that RIGHT may use."""
    backup = right.operation == "backup"
    allowed = set(RSYNC_BACKUP if backup else RSYNC_RESTORE)
    for feature, names in OPTION_FEATURES.items():
        allowed |= names if feature in right.accept else set()
    if backup and "copy-links" in right.accept:
        allowed |= {b"--copy-unsafe-links", b"--safe-links"}
    if not backup and right.delete:
        allowed.add(b"--delete")
    return allowed


def _rsync_value(option: bytes) -> Iterator[str]:
    name, equals, value = option.partition(b"=")
    if (name in RSYNC_VALUES) != bool(equals):
        yield f"{option!r} has the wrong arity"
    elif equals and not re.fullmatch(RSYNC_VALUES[name], value):
        yield f"{option!r} has a value that is not listed"
    elif name == b"--block-size" and not 512 <= int(value) <= 131072:
        yield f"{option!r} is out of bounds"
    elif equals and value.isdigit() and int(value) >= 2**31:
        yield f"{option!r} is no C int"


def _cluster(cluster: bytes, right: Right) -> Iterator[str]:
    letters, tail, capabilities = cluster[1:].partition(b"e")
    if tail and not re.fullmatch(rb"\.[iLsfxCIvu]*", capabilities):
        yield f"capabilities {capabilities!r}"
    backup = right.operation == "backup"
    allowed = set(BACKUP_LETTERS if backup else RESTORE_LETTERS)
    for feature, more in LETTER_FEATURES.items():
        allowed |= set(more) if feature in right.accept else set()
    if backup and "copy-links" in right.accept:
        allowed |= set(b"Lk")
    for letter in set(letters):
        if letter not in allowed:
            yield f"letter {chr(letter)} is not listed"
        if letters.count(letter) > (3 if letter == ord("v") else 1):
            yield f"letter {chr(letter)} again"


def _tar(words: list[bytes], right: Right) -> Iterator[str]:
    backup = right.operation == "backup"
    mode = b"-c" if backup else b"-x"
    if words[:1] != [mode]:
        yield f"does not begin with {mode!r}"
        return
    allowed = set(TAR_BACKUP if backup else TAR_RESTORE)
    allowed |= {b"--" + name.encode() for name in ("acls", "xattrs") if name in right.accept}
    seen = _Seen()
    index = 1
    while index < len(words):
        word = words[index]
        value = words[index + 1] if index + 1 < len(words) else b""
        if word in (b"-f", b"-C"):
            index += 1
            if word == b"-f" and value != b"-":
                yield f"archive {value!r}"
            if word == b"-C":
                yield from _path(value, right.roots)
        elif backup and re.fullmatch(rb"--newer(-mtime)?=" + DATE, word):
            word = b"--newer"
        elif backup and word.startswith(b"--exclude=") and len(word) > len(b"--exclude="):
            word = b"--exclude %d" % index
        elif word not in allowed:
            break
        if seen.twice(word):
            yield f"{word!r} again"
        index += 1
    yield from _tar_ends(seen.names, words[index:], backup)


def _tar_ends(options: list[bytes], names: list[bytes], backup: bool) -> Iterator[str]:
    for needed in (b"-f", b"-C"):
        if needed not in options:
            yield f"no {needed!r}"
    yield from _names(names, backup)
    if b"--no-unquote" not in options and any(b"\\" in name for name in names):
        yield "tar would unquote a name, and what it then means was not judged"


def _names(names: list[bytes], backup: bool) -> Iterator[str]:
    if not backup:
        if names:
            yield f"{names!r} after the options"
        return
    if names == [b"."]:
        return
    if not names:
        yield "no names"
    for name in names:
        if not name.startswith(b"./"):
            yield f"name {name!r}"
        yield from _components(name[2:])


def _path(path: bytes, roots: Sequence[bytes]) -> Iterator[str]:
    if not path.startswith(b"/") or len(path) > 4094:
        yield f"path of {len(path)} bytes: {path[:80]!r}"
    yield from _components(path[1:])
    if not any(_below(path, root) for root in roots):
        yield f"{path!r} is outside {roots!r}"


def _components(path: bytes) -> Iterator[str]:
    if re.search(rb"[\x00-\x1f\x7f]", path):
        yield f"control character in {path!r}"
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if re.search("[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text):
        yield f"control character in {path!r}"
    parts = path.split(b"/")
    if parts[-1] == b"":
        parts.pop()
    for part in parts:
        if part in (b"", b".", b"..") or len(part) > 255:
            yield f"component {part[:20]!r} in {path[:80]!r}"


def _below(path: bytes, root: bytes) -> bool:
    """Tell whether the components of ROOT are the first ones of PATH."""
    mine = [part for part in path.split(b"/") if part]
    wanted = [part for part in root.split(b"/") if part]
    return mine[: len(wanted)] == wanted
