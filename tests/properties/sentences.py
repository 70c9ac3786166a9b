"""Inputs of every grammar: what the corpus and its changed requests give each of them to read."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from bpc_ssh_guard.command import words
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.grammar import driver
from bpc_ssh_guard.grammar.tables import policy, prefixes, rsync, tar
from bpc_ssh_guard.grammar.tables import words as words_table

# A grammar, the symbol to start from, the bytes.
Sentence = tuple[str, str, bytes]

TABLES: dict[str, driver.Table] = {
    "words": words_table, "prefixes": prefixes, "rsync": rsync, "tar": tar, "policy": policy,
}  # fmt: skip
STARTS = tuple((name, start) for name, table in TABLES.items() for start in table.STARTS)

POLICY_PARTS = (
    b"Key", b"web1-backup", b"Backup", b"/srv/data", b'"/srv/My Data"', b'"a\\"b\\\\"', b'"', b"\\",
    b"#", b"# note", b"\n", b"\n", b"\n    ", b" ", b" ", b"\t", b"\r", b"Accept", b"acls", b"x#y",
    b"\x00", b"\xc3\xa9", b"\x7f", b"Restore", b"Window", b"always", b"'", b'""',
)  # fmt: skip
policies = st.lists(st.sampled_from(POLICY_PARTS), max_size=25).map(b"".join)


def sentences_of(command: bytes, stdin: bytes) -> Iterator[Sentence]:
    """Yield what each grammar gets to read of COMMAND and STDIN, whether it is right or not."""
    yield "words", "start", command
    if stdin:
        yield "rsync", "sender_list", stdin[:-1]
        yield "rsync", "receiver_list", stdin[:-1]
    try:
        vector = words.split(command).joined()
    except Refused:
        vector = command.replace(b" ", b"\0") + b"\0"
    yield "prefixes", "start", vector
    for program, grammar, start in ((b"rsync\0", "rsync", "command"), (b"tar\0", "tar", "start")):
        yield grammar, start, vector.partition(program)[2]

# An argument of each terminal, and some that are almost one.
_COMMON = (b".", b"-", b"--", b"", b"/srv/data", b"-e.iLs", b"-v", b"-x")
ARGUMENTS: dict[str, tuple[bytes, ...]] = {
    "rsync": (
        b"--server", b"--sender", b"rsync", b"-lHogDtpr", b"-slr", b"-s", b"-D", b"-e.", b"-LkS",
        b"-R", b"--numeric-ids", b"--fake-super", b"--ignore-errors", b"--devices", b"--super",
        b"--stats", b"--partial", b"--relative", b"--delete", b"--perms", b"--recursive",
        b"--timeout=5", b"--bwlimit=0", b"--block-size=700", b"-B4096", b"--compress-level=3",
        b"--compress-choice=zstd", b"--log-format=%i", b"--iconv=utf8", b"a", *_COMMON,
    ),
    "tar": (
        b"-c", b"-f", b"-C", b"-p", b"--totals", b"--one-file-system", b"--numeric-owner",
        b"--same-owner", b"--acls", b"--xattrs", b"--exclude=*.o", b"--newer=2026-11-23",
        b"--newer-mtime=2026-11-23 02:16", b"--newer", b"2026-11-23 02:16:28", b"./a", b"./",
        *_COMMON,
    ),
    "prefixes": (
        b"sudo", b"/usr/bin/sudo", b"-n", b"-u", b"root", b"nice", b"19", b"-19", b"7", b"ionice",
        b"-c3", b"-c2", b"-c", b"3", b"-n7", b"env", b"LC_ALL=C", b"LANG=en", b"rsync", b"tar",
        b"/bin/tar", *_COMMON,
    ),
}  # fmt: skip


def goes_on(name: str, start: str, data: bytes) -> bool:
    """Tell whether DATA is the beginning of a sentence, by the driver's own word."""
    try:
        driver.parse(TABLES[name], start, data)
    except driver.Unparsable as error:
        return error.offset == len(data)
    return True


@st.composite
def walks(draw: st.DrawFn) -> Sentence:
    """Return a beginning of a sentence in arguments, and two arguments of any kind behind it."""
    name = draw(st.sampled_from(tuple(ARGUMENTS)))
    start = draw(st.sampled_from(tuple(TABLES[name].STARTS)))
    data = b""
    for _ in range(draw(st.integers(0, 9))):
        longer = [data + each + b"\0" for each in ARGUMENTS[name]]
        likely = [each for each in longer if goes_on(name, start, each)]
        data = draw(st.sampled_from(likely or longer))
    ends = [draw(st.sampled_from(ARGUMENTS[name])) + b"\0" for _ in range(2)]
    return name, start, data + draw(st.sampled_from((b"", ends[0], b"".join(ends), ends[0][:-1])))
