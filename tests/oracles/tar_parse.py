"""GNU tar's own parse of an argument vector: its option table, read by glibc's getopt_long.

The table is what the installed `tar --help` prints from its own (argp); getopt_long is the very
function that argp reads arguments with. Options are taken in order, wherever they stand, as tar
does (ARGP_IN_ORDER).
"""

from __future__ import annotations

import ctypes
import functools
import re
import subprocess
from collections.abc import Iterator, Sequence

TAR = "/usr/bin/tar"
_ENTRY = re.compile(r"^ {2,6}(-\S.*?)(?: {2,}|$)")
_SHORT = re.compile(r"-([A-Za-z0-9?])(?![\w-])")
_LONG = re.compile(r"--([a-z][a-z0-9-]*)(\[=|=)?")
_FIRST_LONG = 1000  # codes of options that have no letter
_NOT_FOUND = ord("?")
_OPERAND = 1  # with "-" in front of the letters, operands come as the values of option 1


class _Option(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("has_arg", ctypes.c_int),
        ("flag", ctypes.c_void_p),
        ("val", ctypes.c_int),
    )


@functools.lru_cache(maxsize=1)
def table() -> tuple[str, dict[str, tuple[int, int]]]:
    """Return tar's letters as getopt writes them, and {long name: (arity, code)}.

    Arity is 0 for none, 1 for one value, 2 for an optional one.
    """
    text = subprocess.run(
        [TAR, "--help"], env={"LC_ALL": "C", "ARGP_HELP_FMT": "rmargin=500"},
        stdout=subprocess.PIPE, check=True, timeout=60,
    ).stdout.decode("ascii")  # fmt: skip
    letters: dict[str, int] = {}
    names: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(text.splitlines()):
        match = _ENTRY.match(line)
        if match is None:
            continue
        options = match.group(1)
        found = [(name, {"": 0, "=": 1, "[=": 2}[mark]) for name, mark in _LONG.findall(options)]
        short = _SHORT.findall(options.split("--")[0])
        arity = max((arity for _, arity in found), default=0)
        letters.update(dict.fromkeys(short, arity))
        code = ord(short[0]) if short else _FIRST_LONG + number
        # The value is printed behind the last name of an entry and belongs to all of them.
        names.update({name: (arity, code) for name, _ in found})
    return "".join(letter + ":" * arity for letter, arity in sorted(letters.items())), names


def parse(arguments: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return (option or b"" for an operand, value) in the order in which tar meets them.

    Raises ValueError for what tar's table does not hold.
    """
    return tuple(_walk([b"tar", *arguments]))


def _walk(argv: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    letters, names = table()
    libc = ctypes.CDLL(None)
    options = (_Option * (len(names) + 1))()
    for place, (name, (arity, code)) in enumerate(names.items()):
        options[place] = _Option(name.encode(), arity, None, code)
    vector = (ctypes.c_char_p * (len(argv) + 1))(*argv)
    optarg = ctypes.c_char_p.in_dll(libc, "optarg")
    optind = ctypes.c_int.in_dll(libc, "optind")
    ctypes.c_int.in_dll(libc, "opterr").value = 0
    optind.value = 0  # glibc: begin anew
    index = ctypes.c_int()
    while True:
        index.value = -1
        short = b"-:" + letters.encode()
        code = libc.getopt_long(len(argv), vector, short, options, ctypes.byref(index))
        if code == -1:
            break
        value = optarg.value or b""
        if code in (_NOT_FOUND, ord(":")):
            raise ValueError(f"{argv[optind.value - 1]!r} is not in the table of tar")
        if code == _OPERAND:
            yield b"", value
        elif index.value >= 0:
            yield b"--" + (options[index.value].name or b""), value
        else:
            yield b"-" + bytes((code,)), value
    for word in argv[optind.value :]:
        yield b"", word


def expected(arguments: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return what `parse` must find in the rendered ARGUMENTS: nothing but what stands there."""
    return tuple(_expect(iter(arguments)))


def _expect(words: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for word in words:
        name, _, value = word.partition(b"=")
        if word in (b"-f", b"-C"):
            yield word, next(words)
        elif word.startswith(b"-"):
            yield name, value
        else:
            yield b"", word
