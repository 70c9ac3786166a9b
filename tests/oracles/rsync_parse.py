"""rsync's own parse of an argument vector: its real option table, read by its real popt.

A `~/.popt` with an `exec` line for --server and --sender makes rsync parse all its arguments and
then start another program with what it found, spelled out, in place of serving (popt(3)). Here that
program is printf, so nothing is ever transferred.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import confined

RSYNC = "/usr/bin/rsync"
_POPT = b"rsync exec --server printf %s\\\\0\nrsync exec --sender printf %s\\\\0\n"

# The long names that rsync's table has for the letters of a cluster (rsync --help).
LONG_NAME = {
    b"v": b"--verbose", b"l": b"--links", b"L": b"--copy-links", b"k": b"--copy-dirlinks",
    b"H": b"--hard-links", b"o": b"--owner", b"g": b"--group", b"D": b"-D", b"t": b"--times",
    b"p": b"--perms", b"A": b"--acls", b"X": b"--xattrs", b"r": b"--recursive",
    b"c": b"--checksum", b"I": b"--ignore-times", b"R": b"--relative", b"x": b"--one-file-system",
    b"S": b"--sparse", b"z": b"--compress", b"s": b"--secluded-args",
}
_HAVING_VALUES = (
    b"--rsh", b"--timeout", b"--bwlimit", b"--checksum-seed", b"--block-size", b"--compress-level",
    b"--compress-choice", b"--iconv", b"--log-format", b"--confine-root", b"--chmod",
)


def parse(arguments: Sequence[bytes], folder: str) -> tuple[bytes, ...]:
    """Return options, their values and operands as rsync understands ARGUMENTS.

    --server is not among them; rsync's complaint, if it has one, is raised as ValueError. FOLDER
    is this oracle's own.
    """
    os.chmod(folder, 0o755)
    with open(os.path.join(folder, ".popt"), "wb") as file:
        file.write(_POPT)
    # The folder is named as the working one: the way to it may be closed to rsync's account.
    done = confined.run([RSYNC, *arguments], {b"HOME": b".", b"LC_ALL": b"C"}, folder)
    if done.returncode or done.stderr:
        raise ValueError(done.stderr.decode("utf-8", "backslashreplace"))
    return tuple(done.stdout.split(b"\0")[:-1])


def expected(arguments: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return what `parse` must find in the rendered ARGUMENTS: nothing but what stands there."""
    words = list(arguments)
    found = []
    dot = words.index(b".")
    for word in words[:dot]:
        if word == b"--server":
            continue
        if word[:2] != b"--":
            letters, tail, capabilities = word[1:].partition(b"e")
            found += [LONG_NAME[letters[i : i + 1]] for i in range(len(letters))]
            found += [b"--rsh", capabilities] if tail else []
            continue
        name, equals, value = word.partition(b"=")
        if bool(equals) != (name in _HAVING_VALUES):
            raise ValueError(f"{word!r} is not rendered with its arity")
        found += [name, value] if equals else [name]
    return (*found, *words[dot:])
