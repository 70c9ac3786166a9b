"""The launcher that a forced command names: isolated from its surroundings, closed to others."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final, Optional

from ...closed import Open, require_closed
from .finding import Finding, Severity, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...authorized_keys import ForcedCommand
    from .account import Account

_REINSTALL: Final = "bpc-ssh-guardctl install writes one that is"
_MAX_LAUNCHER: Final = 4 * 1024 * 1024  # a bundle holds the whole guard
_LONGEST_FIRST_LINE: Final = 255

# Flags of python3 that take no argument; whatever else stands there we can't judge.
_FLAGS: Final = re.compile(rb"-[BEIOSsuP]+")
_INTERPRETER: Final = re.compile(rb"/.*/python(3(\.[0-9]+)?)?")
_TREE: Final = re.compile(rb"sys\.path\.insert\(0, '(/[^'\\]+)'\)")


def check_launcher(call: ForcedCommand, account: Account) -> Iterator[Finding]:
    """Yield why what CALL starts may not be the guard, or not the guard alone."""
    path = shown(call.program)
    try:
        require_closed(path, account.trusted)
        with open(path, "rb") as file:
            text = file.read(_MAX_LAUNCHER)
            status = os.fstat(file.fileno())
    except Open as problem:
        yield Finding.from_complaint(Severity.ERROR, str(problem))
        return
    except OSError as error:
        yield Finding(Severity.ERROR, path, f"{error.strerror}, so no command runs",
                      "install the guard, or have the line composed with --program")
        return
    if not status.st_mode & stat.S_IXUSR and not call.interpreter:
        yield Finding(Severity.ERROR, path, "is not executable, so no command runs", "chmod 755 it")
    words = call.interpreter or _first_line(text)
    gap = _not_isolated(words, text)
    if gap is not None:
        yield Finding(Severity.ERROR, path, gap, _REINSTALL)
        return
    yield from _check_interpreter(shown(words[0]), account)
    tree = _TREE.search(text)
    if tree:
        yield from _check_tree(shown(tree[1]), account)


def _first_line(text: bytes) -> Sequence[bytes]:
    """Return the interpreter of a script and its one argument, as the kernel takes them."""
    line = text[:_LONGEST_FIRST_LINE].partition(b"\n")[0]
    if not line.startswith(b"#!"):
        return ()
    return line[2:].strip(b" \t").split(None, 1)


def _not_isolated(words: Sequence[bytes], text: bytes) -> Optional[str]:
    """Return what is wrong with the command line of the interpreter, or None."""
    if not words or not _INTERPRETER.fullmatch(words[0]):
        return "is not started by python3 with its whole path"
    flags = words[1:]
    letters = b"".join(flags) if all(map(_FLAGS.fullmatch, flags)) else b""
    if b"I" in letters and b"S" in letters:
        return None
    pip = b"bpc_ssh_guard" in text and b"sys.exit(" in text and b"isolated" not in text
    origin = "is pip's console script: " if pip else ""
    return (f"{origin}python3 is not started with -IS, so the environment and the working folder"
            " can change what runs")


def _check_interpreter(path: str, account: Account) -> Iterator[Finding]:
    try:
        require_closed(path, account.trusted)
    except Open as problem:
        yield Finding.from_complaint(Severity.ERROR, str(problem))
        return
    if not os.access(path, os.X_OK):
        yield Finding(Severity.ERROR, path, "the guard's interpreter is no program, so no command"
                      " runs", "install Python 3.9 or later")


def _check_tree(tree: str, account: Account) -> Iterator[Finding]:
    """Yield the first module below TREE that is missing or that others can change."""
    if not os.path.isdir(os.path.join(tree, "bpc_ssh_guard")):
        yield Finding(Severity.ERROR, tree, "the guard's modules are missing, so no command runs",
                      "bpc-ssh-guardctl install writes them")
        return
    for folder, _, names in os.walk(tree):
        for entry in (folder, *(os.path.join(folder, name) for name in names)):
            try:
                require_closed(entry, account.trusted)
            except Open as problem:
                yield Finding.from_complaint(Severity.ERROR, str(problem))
                return
