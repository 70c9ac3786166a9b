"""A whole command from bytes to one typed object: visible, with a list, with prefixes."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.parse import Command, understand
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import Source, no_list, refusal_of
from tests.oracles.writing import secluded, vector

BACKUP = b"/usr/bin/rsync --server --sender -slHogDtprcxe.iLsfxC"
RESTORE = b"/usr/bin/rsync --server -slHogDtprRe.iLsfxC"
LIST = secluded(b"--timeout=72000", b"--numeric-ids", b".", b"/srv/data/etc/")


def with_list(command: bytes, data: bytes) -> Command:
    return understand(command, lambda: data)


def refusal(command: bytes, data: bytes) -> Refused:
    return refusal_of(understand, command, lambda: data)


def test_reads_a_stock_backup() -> None:
    command = with_list(BACKUP, LIST)
    assert command.secluded == LIST
    assert command.features == ()
    assert command.server.operation == "backup"
    assert command.server.paths == (b"/srv/data/etc/",)
    assert command.server.arguments() == (
        b"--server", b"--sender", b"-lHogDtprcxe.iLsfxC", b"--timeout=72000", b"--numeric-ids",
        b".", b"/srv/data/etc/",
    )  # fmt: skip


def test_reads_a_stock_restore() -> None:
    data = secluded(
        b"--log-format=%i", b"--delete", b"--super", b"--stats", b"--partial", b"--numeric-ids",
        b".", b"/srv/restore",
    )  # fmt: skip
    command = with_list(RESTORE, data)
    assert command.server.operation == "restore"
    assert command.server.deletes
    assert command.server.paths == (b"/srv/restore",)


@pytest.mark.parametrize(
    "command",
    [
        b"rsync --server --sender -lr . /srv", b"tar -c -f - -C /srv .", b"rsync --server -lr . /a",
        b"rsync --server --sender -lre.s . /srv",
    ],
)  # fmt: skip
def test_leaves_standard_input_alone_without_a_list(command: bytes) -> None:
    assert understand(command, no_list).secluded is None


@pytest.mark.parametrize(
    "command",
    [
        b"rsync --server --sender -slrq", b"rsync --server --sender -slr --numeric-ids",
        b"rsync --server --sender -slr . /srv", b"rsync --server --sender -slr /srv", b"ls -s",
        b"rsync --server --sender -slr --timeout=5", b"rsync --server --sender -s -s", b"a\tb",
        b"rsync --server --sender --secluded-args -lr", b"rsync --server -s --iconv=utf8 .",
        b"rsync --server --sender -slr --protect-args", b"sudo -u x rsync --server -s",
    ],
)  # fmt: skip
def test_refuses_what_is_visible_before_it_reads_a_list(command: bytes) -> None:
    with pytest.raises(Refused):
        understand(command, no_list)


@pytest.mark.parametrize("cluster", [b"-s", b"-slr", b"-lsr", b"-lrs", b"-lrse.iLs", b"-vsv"])
def test_sees_s_anywhere_among_the_letters_and_drops_it(cluster: bytes) -> None:
    command = with_list(b"rsync --server --sender " + cluster, secluded(b".", b"/a"))
    assert not any(word.startswith(b"-s") for word in command.server.arguments())
    letters = command.server.arguments()[2] if cluster != b"-s" else b""
    assert b"s" not in letters.partition(b"e")[0]


def test_refuses_s_that_is_there_twice() -> None:
    refused = refusal(b"rsync --server --sender -slsr", LIST)
    assert refused.reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize(
    "arguments",
    [
        (), (b".",), (b"/srv/data",), (b"--numeric-ids",), (b"--numeric-ids", b"."),
        (b".", b"/a", b"--numeric-ids"), (b".", b"--log-file=/x", b"/a"),
        (b"--sender", b".", b"/a"),
        (b"--server", b"--sender", b".", b"/a"), (b"--log-file=/x", b".", b"/a"),
        (b"-L", b".", b"/a"),
        (b"-lr", b".", b"/a"), (b"-s", b".", b"/a"), (b"--files-from=-", b".", b"/a"),
        (b"--daemon", b".", b"/a"), (b"--iconv=utf8", b".", b"/a"), (b"--perms", b".", b"/a"),
        (b"--delete", b".", b"/a"), (b"--no-munge-links", b".", b"/a"), (b".", b"-rf"),
        (b".", b"data"), (b".", b"/a/../b"), (b".", b"~"), (b".", b"."), (b".", b".", b"/a"),
        (b"--timeout=5", b"--timeout=5", b".", b"/a"), (b"--block-size=511", b".", b"/a"),
    ],
)  # fmt: skip
def test_holds_the_list_of_a_backup_to_the_same_grammar(arguments: tuple[bytes, ...]) -> None:
    refused = refusal(BACKUP, secluded(*arguments))
    assert refused.reason in (Reason.UNKNOWN_OPTION, Reason.BAD_OPERAND)
    assert refused.in_list


@pytest.mark.parametrize(
    "arguments",
    [
        (b".", b"/a", b"/b"), (b"--ignore-errors", b".", b"/a"), (b"--devices", b".", b"/a"),
        (b"--sender", b".", b"/a"), (b"--safe-links", b".", b"/a"), (b"--temp-dir=/x", b".", b"/a"),
        (b"--delete-after", b".", b"/a"), (b"--usermap=*:0", b".", b"/a"),
    ],
)  # fmt: skip
def test_holds_the_list_of_a_restore_to_the_same_grammar(arguments: tuple[bytes, ...]) -> None:
    assert refusal(RESTORE, secluded(*arguments)).in_list


@pytest.mark.parametrize("zeroth", [b"", b"tar", b"rsyncX", b"/usr/bin/rsync", b"--server", b"."])
def test_wants_the_list_to_begin_with_rsync(zeroth: bytes) -> None:
    assert refusal(BACKUP, vector(zeroth, b".", b"/a", b"")).in_list


@pytest.mark.parametrize("control", [b"\n", b"\x1b", b"\x7f", b"\xc2\x85", b"\xe2\x80\xae", b"\t"])
def test_refuses_a_control_character_in_the_list_where_it_stands(control: bytes) -> None:
    refused = refusal(BACKUP, secluded(b".", b"/srv/data/a" + control))
    assert (refused.reason, refused.in_list) == (Reason.BAD_SECLUDED_LIST, True)
    assert refused.offset == len(b"rsync\0.\0/srv/data/a")


@pytest.mark.parametrize(
    "path", [b"/srv/$a;b`c`", b"/srv/*?[x]", b"/srv/'\"\\", b"/srv/ a ", b"/srv/\xff", b"/srv/~"]
)
def test_takes_text_of_the_list_literally(path: bytes) -> None:
    assert with_list(BACKUP, secluded(b".", path)).server.paths == (path,)


@pytest.mark.parametrize("visible", [b"--timeout=5", b"--numeric-ids", b"--delete"])
def test_shows_no_option_but_iconv_beside_s(visible: bytes) -> None:
    with pytest.raises(Refused):
        understand(BACKUP + b" " + visible, no_list)


def test_converts_the_paths_of_a_list_for_iconv() -> None:
    command = with_list(BACKUP + b" --iconv=iso-8859-1", secluded(b".", "/srv/data/é".encode()))
    assert command.server.paths == (b"/srv/data/\xe9",)
    assert command.features == ("iconv",)
    assert b"--iconv=iso-8859-1" in command.server.arguments()


def test_leaves_visible_paths_as_they_are_with_iconv() -> None:
    command = understand(b"rsync --server --sender -lr --iconv=iso-8859-1 . /srv/\xe9", no_list)
    assert command.server.paths == (b"/srv/\xe9",)


@pytest.mark.parametrize("charset", [b"utf-16", b"nonsense", b"ascii"])
def test_refuses_a_list_that_iconv_could_not_convert(charset: bytes) -> None:
    refused = refusal(BACKUP + b" --iconv=" + charset, secluded(b".", "/srv/é".encode()))
    assert (refused.reason, refused.in_list) == (Reason.BAD_SECLUDED_LIST, True)


def test_names_the_features_of_prefixes_and_program_in_one_order() -> None:
    command = understand(b"ionice -c3 nice sudo rsync --server --sender -zA . /srv", no_list)
    assert command.features == ("sudo", "nice", "ionice", "acls", "compress")


@pytest.mark.parametrize(
    ("command", "offset"),
    [
        (b"sudo nice -n 19 rsync --server --sendeX -lr . /a", 38),
        (b"rsync --server --sender -lr . /a\\ b /c/../d", 36),
        (b"rsync --server --sender -lr '--numeric-idX' . /a", 41),
        (b"tar -c -f - -C /srv/a\\ b --totalX .", 32),
        (b"tar -c -f - -C ../x .", 15),
        (b"rsync --server --sender -lr .", 29),
    ],
)
def test_points_into_the_original_command(command: bytes, offset: int) -> None:
    with pytest.raises(Refused) as caught:
        understand(command, no_list)
    assert caught.value.offset == offset
    assert not caught.value.in_list


def test_points_into_the_list() -> None:
    refused = refusal(BACKUP, secluded(b"--numeric-ids", b"--timeouX=5", b".", b"/a"))
    assert refused.offset == len(b"rsync\0--numeric-ids\0--timeou")


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"rsync\0\0", b"rsync\0--timeout=5\0\0"])
@pytest.mark.parametrize("piece", [None, 1, 2, 3])
def test_refuses_a_list_without_paths_however_it_comes(data: bytes, piece: int | None) -> None:
    from bpc_ssh_guard.command.secluded import collect

    source = Source(data + b"rest of the input", piece)
    refused = refusal_of(understand, BACKUP, lambda: collect(source.read))
    assert refused.in_list


@pytest.mark.parametrize("command", [b"", b" ", b"\n", b"'", b"rsync\0--server"])
def test_refuses_what_is_no_command(command: bytes) -> None:
    with pytest.raises(Refused) as caught:
        understand(command, no_list)
    assert caught.value.reason == Reason.NOT_WORDS
