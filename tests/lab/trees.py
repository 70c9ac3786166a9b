"""Test trees with everything a backup must keep."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat

from .comparison import walk

# Names that one of ssh, the shell, rsync, tar, BackupPC or JSON could take for something else.
ODD_NAMES = (
    b"with space",
    b" leading and trailing ",
    b"quote'single",
    b'quote"double',
    b"$HOME",
    b"`id`",
    b"$(id)",
    "Gr\u00fc\u00dfe \u65e5\u672c\u8a9e".encode(),
    b"-rf",
    b"--delete",
    b"-",
    b"*",
    b"?",
    b"[ab]",
    b"{a,b}",
    b"back\\slash",
    b"trailing\\",
    b"latin1-\xfc\xff",
    b"semi;colon&pipe|<>",
    b"#hash",
    b"~tilde",
    b"~",
    b"tab\there",
    b"new\nline",
    b"...",
    b"=:,@%+!^",
    b"esc\x1b[31m",
    b"long-" + b"x" * 200,
)
EPOCH = 1_577_836_800  # the start of 2020: times of the trees are whole seconds, as tar keeps them


def build(root: str) -> None:
    """Make ROOT and fill it: odd names, links, modes, sparse and empty files, owners for root."""
    top = os.fsencode(root)
    for folder in (b"", b"/folder/nested/deep", b"/empty folder", b"/odd"):
        os.makedirs(top + folder, exist_ok=True)
    _write(top + b"/plain.txt", b"plain text\n")
    _write(top + b"/empty", b"")
    _write(top + b"/folder/nested/deep/file", b"deep\n")
    _write(top + b"/large", b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(12_000)))
    _write_sparse(top + b"/sparse")
    _link(top)
    for number, name in enumerate(ODD_NAMES):
        _write(top + b"/odd/" + name, b"odd %d\n" % number)
    os.mkdir(top + b"/odd/$folder 'with' \"all\" [of] *it*")
    _write(top + b"/odd/$folder 'with' \"all\" [of] *it*/file", b"in an odd folder\n")
    _set_modes(top)
    _set_times(top)


def change(root: str, *, delete: bool = True) -> None:
    """Change the built tree in every way; without DELETE no name goes, as tar never notices."""
    top = os.fsencode(root)
    _write(top + b"/plain.txt", b"PLAIN TEXT\n")  # the same size
    _write(top + b"/empty", b"no longer empty\n")
    _write(top + b"/folder/new file", b"new\n")
    _append(top + b"/large", b"a longer tail\n" * 100)
    os.chmod(top + b"/modes/0600", 0o640)
    os.mkdir(top + b"/new folder")
    os.unlink(top + b"/links/dangling")
    os.symlink(b"elsewhere", top + b"/links/dangling")
    os.unlink(top + b"/links/to be replaced")
    _write(top + b"/links/to be replaced", b"a file now\n")
    os.unlink(top + b"/links/hard 2")  # leaves its group
    _write(top + b"/links/hard 2", b"on its own\n")
    os.link(top + b"/plain.txt", top + b"/folder/hard link to plain.txt")
    if delete:
        os.unlink(top + b"/odd/--delete")
        os.rename(top + b"/odd/with space", top + b"/odd/with more  space")
        os.unlink(top + b"/folder/nested/deep/file")
        os.rmdir(top + b"/folder/nested/deep")
        _write(top + b"/folder/nested/deep", b"a file where a folder was\n")
    _set_times(top, shift=1_000_000)


def add_special(root: str) -> None:
    """Add what a restore drops unless told otherwise: set-id and sticky bits, a fifo, a device."""
    top = os.fsencode(root)
    _write(top + b"/setuid", b"#!/bin/false\n")
    _write(top + b"/setgid", b"#!/bin/false\n")
    os.chmod(top + b"/setuid", 0o4755)
    os.chmod(top + b"/setgid", 0o2755)
    os.mkfifo(top + b"/fifo", 0o640)
    if os.geteuid() == 0:
        os.mknod(top + b"/null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    _set_times(top)


def remove(root: str) -> None:
    """Remove ROOT, its folders without write permission too."""
    for folder, _, _ in os.walk(os.fsencode(root)):
        os.chmod(folder, 0o700)
    shutil.rmtree(os.fsencode(root))


def write_file(path: str, text: str) -> None:
    """Write TEXT to PATH, with a whole second as its time."""
    _write(os.fsencode(path), text.encode())
    os.utime(path, (EPOCH, EPOCH))


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _append(path: bytes, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)


def _write_sparse(path: bytes) -> None:
    with open(path, "wb") as file:
        file.write(b"start")
        file.seek(1 << 20)
        file.write(b"end")


def _link(top: bytes) -> None:
    links = top + b"/links"
    os.mkdir(links)
    _write(links + b"/hard 1", b"three names\n")
    os.link(links + b"/hard 1", links + b"/hard 2")
    os.link(links + b"/hard 1", top + b"/folder/hard 3")
    _write(links + b"/pair a", b"two names\n")
    os.link(links + b"/pair a", links + b"/pair b")
    os.symlink(b"../plain.txt", links + b"/relative")
    os.symlink(b"../folder", links + b"/to a folder")
    os.symlink(b"nowhere at all", links + b"/dangling")
    os.symlink(top + b"/large", links + b"/absolute")
    os.symlink(b"/etc/passwd", links + b"/out of the tree")
    os.symlink(b"../empty", links + b"/to be replaced")


def _set_modes(top: bytes) -> None:
    os.mkdir(top + b"/modes")
    for mode in (0o600, 0o644, 0o444, 0o755, 0o400, 0o777):
        path = top + b"/modes/%04o" % mode
        _write(path, b"mode %o\n" % mode)
        os.chmod(path, mode)
    for mode in (0o700, 0o755, 0o1777):
        path = top + b"/modes/folder %04o" % mode
        os.mkdir(path)
        _write(path + b"/file", b"in %o\n" % mode)
        os.chmod(path, mode)
    if os.geteuid() == 0:
        _set_modes_as_root(top + b"/modes")


def _set_modes_as_root(modes: bytes) -> None:
    """Add what an ordinary account could not read, make or restore."""
    _write(modes + b"/0000", b"nobody's\n")
    os.chmod(modes + b"/0000", 0)
    os.mkdir(modes + b"/folder 0555")
    _write(modes + b"/folder 0555/file", b"in 555\n")
    os.chmod(modes + b"/folder 0555", 0o555)
    _write(modes + b"/owned", b"somebody's\n")
    os.chown(modes + b"/owned", 12345, 54321)
    os.chown(modes + b"/folder 0755", 12345, 0)
    os.symlink(b"owned", modes + b"/owned link")
    os.chown(modes + b"/owned link", 12345, 54321, follow_symlinks=False)


def _set_times(top: bytes, shift: int = 0) -> None:
    """Give each entry a time of its own, whole folders last so that nothing touches them again."""
    for number, path in enumerate(sorted(walk(top), reverse=True)):
        when = EPOCH + shift + number * 61
        os.utime(path, (when, when), follow_symlinks=False)
    os.utime(top, (EPOCH + shift, EPOCH + shift))
