"""tar as BackupPC calls it: create to standard output, extract from standard input."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.tar import TarCommand, parse
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import refusal_of
from tests.oracles.writing import vector

CREATE = (b"-c", b"-v", b"-f", b"-", b"-C", b"/srv/data", b"--totals")
EXTRACT = (
    b"-x", b"-p", b"--numeric-owner", b"--same-owner", b"-v", b"-f", b"-", b"-C", b"/srv/restore",
)  # fmt: skip


def read(*arguments: bytes) -> TarCommand:
    return parse(vector(*arguments), lambda offset: offset)


def refusal(*arguments: bytes) -> Refused:
    return refusal_of(parse, vector(*arguments), lambda offset: offset)


def test_reads_a_full_backup() -> None:
    command = read(*CREATE, b".")
    assert (command.program, command.operation, command.rule) == ("tar", "backup", "tar-create")
    assert (command.directory, command.paths) == (b"/srv/data", (b"/srv/data",))
    assert command.names == (b".",)
    assert not command.deletes


def test_reads_an_incremental_backup_with_lists() -> None:
    command = read(
        *CREATE, b"--newer=2026-11-23 02:16:28", b"--exclude=./proc", b"--exclude=*.tmp", b"./etc",
        b"./a b",
    )  # fmt: skip
    assert command.newer == (b"--newer", b"2026-11-23 02:16:28")
    assert command.excludes == (b"./proc", b"*.tmp")
    assert command.names == (b"./etc", b"./a b")


def test_reads_a_restore() -> None:
    command = read(*EXTRACT)
    assert (command.operation, command.rule) == ("restore", "tar-extract")
    assert command.names == ()


def test_renders_in_its_own_order_with_what_is_injected_before_the_names() -> None:
    command = read(
        b"-c", b"--exclude=b", b"--totals", b"-C", b"/d", b"--exclude=a", b"-f", b"-", b"-v",
        b"--newer", b"2026-11-23", b"./y", b"./x",
    )  # fmt: skip
    assert command.arguments((b"--injected",)) == (
        b"-c", b"-f", b"-", b"-C", b"/d", b"-v", b"--totals", b"--exclude=b", b"--exclude=a",
        b"--newer=2026-11-23", b"--injected", b"./y", b"./x",
    )  # fmt: skip


def test_renders_a_restore_with_nothing_of_its_own() -> None:
    assert read(*EXTRACT).arguments() == (
        b"-x", b"-f", b"-", b"-C", b"/srv/restore", b"-v", b"-p", b"--numeric-owner",
        b"--same-owner",
    )  # fmt: skip


@pytest.mark.parametrize(
    "option", [b"-v", b"--totals", b"--one-file-system", b"--acls", b"--xattrs"]
)
def test_takes_each_switch_of_a_backup_once(option: bytes) -> None:
    command = (b"-c", b"-f", b"-", b"-C", b"/d", option)
    assert read(*command, b".").switches == (option,)
    assert refusal(*command, option, b".").detail.endswith("is repeated")


@pytest.mark.parametrize(
    "option", [b"-v", b"-p", b"--numeric-owner", b"--same-owner", b"--acls", b"--xattrs"]
)
def test_takes_each_switch_of_a_restore_once(option: bytes) -> None:
    command = (b"-x", b"-f", b"-", b"-C", b"/d", option)
    assert read(*command).switches == (option,)
    assert refusal(*command, option).detail.endswith("is repeated")


@pytest.mark.parametrize(("option", "feature"), [(b"--acls", "acls"), (b"--xattrs", "xattrs")])
def test_names_the_feature_that_an_option_needs(option: bytes, feature: str) -> None:
    assert read(*CREATE, option, b".").features == (feature,)
    assert read(*EXTRACT, option).features == (feature,)
    assert read(*CREATE, b".").features == ()


@pytest.mark.parametrize("option", [b"-p", b"--numeric-owner", b"--same-owner", b"-x", b"-c"])
def test_refuses_an_option_of_restores_in_a_backup(option: bytes) -> None:
    assert refusal(*CREATE, option, b".").reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize(
    "option",
    [b"--totals", b"--one-file-system", b"--exclude=x", b"--newer=2026-11-23", b"-c", b"-x"],
)
def test_refuses_an_option_of_backups_in_a_restore(option: bytes) -> None:
    assert refusal(*EXTRACT, option).reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize("command", [CREATE, EXTRACT])
@pytest.mark.parametrize(
    "option",
    [
        b"-T", b"-T-", b"--files-from=-", b"-X", b"--exclude-from=/x", b"-I", b"-Iid", b"-F", b"-P",
        b"--use-compress-program=id", b"--to-command=id", b"--checkpoint=1", b"-O", b"--to-stdout",
        b"--checkpoint-action=exec=id", b"--checkpoint-ac=exec=id", b"--info-script=id", b"-h",
        b"--new-volume-script=id", b"--rsh-command=id", b"--rmt-command=id", b"--index-file=/x",
        b"--add-file=/x", b"--remove-files", b"--absolute-names", b"--dereference", b"-z", b"-j",
        b"-J", b"-Z", b"-a", b"--gzip", b"--listed-incremental=/x", b"-g", b"-G", b"-K", b"-N",
        b"--one-top-level", b"--transform=s/a/b/", b"--strip-components=1", b"--overwrite", b"-U",
        b"--unlink-first", b"--recursive-unlink", b"--keep-old-files", b"-k", b"--mode=u+s",
        b"--owner=0", b"--group=0", b"--mtime=/x", b"--volno-file=/x", b"--warning=all", b"-S",
        b"--xattrs-include=*", b"--no-xattrs", b"--selinux", b"--backup", b"--suffix=x", b"-A",
        b"-r",
        b"-u", b"-t", b"-d", b"--delete", b"--help", b"--version", b"--force-local", b"-M", b"-L",
        b"--total", b"--numeric-own", b"--same-own", b"--one-file", b"--excl=x", b"--news=x",
        b"--acl",
        b"-cv", b"-vp", b"-xf", b"-f-", b"-C/srv", b"--file=-", b"--directory=/srv", b"--verbose",
        b"--create", b"--extract", b"--totals=USR1", b"--acls=x", b"--", b"-", b"---totals", b"-vv",
        b"--exclude", b"--exclude=", b"--newer-mtime", b"--after-date=2026-11-23", b"-c=1",
    ],
)  # fmt: skip
def test_refuses_every_other_option_and_every_other_spelling(
    command: tuple[bytes, ...], option: bytes
) -> None:
    names = (b".",) if command is CREATE else ()
    for arguments in ((*command, option, *names), (*command, option, b"x", *names)):
        assert refusal(*arguments).reason in (Reason.UNKNOWN_OPTION, Reason.BAD_OPERAND)


@pytest.mark.parametrize(
    "arguments",
    [
        (), (b"-c",), (b"c",), (b"cvf", b"-", b"."), (b"-cvf", b"-", b"-C", b"/d", b"."),
        (b"-v", b"-c", b"-f", b"-", b"-C", b"/d", b"."), (b"-C", b"/d", b"-c", b"-f", b"-", b"."),
        (b"xf", b"-"), (b".",), (b"-t", b"-f", b"-", b"-C", b"/d"),
    ],
)  # fmt: skip
def test_refuses_what_does_not_begin_with_the_mode(arguments: tuple[bytes, ...]) -> None:
    assert refusal(*arguments).reason in (Reason.UNKNOWN_OPTION, Reason.BAD_OPERAND)


@pytest.mark.parametrize(
    "archive",
    [(b"-f",), (b"-f", b"/x"), (b"-f", b"host:x"), (b"-f", b"-", b"-f", b"-"), (b"-f", b"")]
)
def test_takes_standard_input_and_output_only_and_once(archive: tuple[bytes, ...]) -> None:
    assert refusal(b"-c", *archive, b"-C", b"/d", b".").reason in (
        Reason.UNKNOWN_OPTION, Reason.BAD_OPERAND,
    )  # fmt: skip
    assert refusal(b"-x", *archive, b"-C", b"/d").reason in (
        Reason.UNKNOWN_OPTION, Reason.BAD_OPERAND,
    )  # fmt: skip


@pytest.mark.parametrize("mode", [(b"-c",), (b"-x",)])
def test_wants_an_archive_and_a_folder(mode: tuple[bytes, ...]) -> None:
    names = (b".",) if mode == (b"-c",) else ()
    without_archive = refusal(*mode, b"-C", b"/d", *names)
    assert (without_archive.reason, without_archive.detail) == (
        Reason.BAD_OPERAND, "-f - is missing",
    )  # fmt: skip
    without_folder = refusal(*mode, b"-f", b"-", *names)
    assert (without_folder.reason, without_folder.detail) == (
        Reason.BAD_OPERAND, "-C with a folder is missing",
    )  # fmt: skip


@pytest.mark.parametrize(
    "folder",
    [b"", b".", b"data", b"~", b"/a//b", b"/a/../b", b"/a/.", b"/a\x1b", b"/" + b"a" * 256],
)
def test_refuses_a_malformed_folder(folder: bytes) -> None:
    assert refusal(b"-c", b"-f", b"-", b"-C", folder, b".").reason == Reason.BAD_OPERAND


def test_refuses_a_second_folder() -> None:
    refused = refusal(*CREATE, b"-C", b"/srv/data", b".")
    assert refused.reason == Reason.UNKNOWN_OPTION
    assert refused.offset == len(vector(*CREATE, b"-C"))


@pytest.mark.parametrize("date", [
    b"2026-11-23", b"2026-11-23 02:16", b"2026-11-23 02:16:28", b"1970-01-01 00:00:00",
    b"9999-12-31 23:59:59", b"0000-01-01",
])  # fmt: skip
def test_takes_a_date_in_each_of_its_places(date: bytes) -> None:
    assert read(*CREATE, b"--newer=" + date, b".").newer == (b"--newer", date)
    assert read(*CREATE, b"--newer", date, b".").newer == (b"--newer", date)
    assert read(*CREATE, b"--newer-mtime=" + date, b".").newer == (b"--newer-mtime", date)


@pytest.mark.parametrize(
    "date",
    [
        b"", b"/etc/passwd", b"./x", b".", b"yesterday", b"now", b"@0", b"2026", b"2026-11",
        b"2026-13-01", b"2026-00-01", b"2026-11-00", b"2026-11-32", b"26-11-23", b"12026-11-23",
        b"2026-11-23 24:00", b"2026-11-23 02:60", b"2026-11-23 02:16:60", b"2026-11-23 2:16",
        b"2026-11-23  02:16", b"2026-11-23 02:16:28 ", b"2026-11-23T02:16:28", b"2026-11-23 02",
        b"2026-11-23 02:16:28 UTC", b"2026-11-23 02:16:28.5", b"2026/11/23", b" 2026-11-23",
        b"2026-11-23 02:16:28 + 1 day", "2026-11-2\u0663".encode(), b"2026-1-1", b"-2026-11-23",
    ],
)  # fmt: skip
def test_refuses_what_does_not_look_like_a_date(date: bytes) -> None:
    for newer in ((b"--newer=" + date,), (b"--newer", date), (b"--newer-mtime=" + date,)):
        assert refusal(*CREATE, *newer, b".").reason in (
            Reason.UNKNOWN_OPTION, Reason.BAD_OPERAND,
        )  # fmt: skip


def test_takes_one_date() -> None:
    for second in ((b"--newer=2026-11-23",), (b"--newer", b"2026-11-23"),
                   (b"--newer-mtime=2026-11-23",)):  # fmt: skip
        refused = refusal(*CREATE, b"--newer=2026-11-23", *second, b".")
        assert refused.reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize(
    "pattern", [b"*", b"./proc", b"a b", b"--x", b"-C", b"=", b"\xff", "é".encode(), b"/etc/../x"]
)
def test_takes_patterns_as_they_are(pattern: bytes) -> None:
    assert read(*CREATE, b"--exclude=" + pattern, b".").excludes == (pattern,)


def test_takes_many_patterns_in_their_order() -> None:
    patterns = [b"--exclude=%d" % number for number in range(500)]
    assert len(read(*CREATE, *patterns, b".").excludes) == 500
    assert read(*CREATE, *patterns, b".").excludes[3] == b"3"


@pytest.mark.parametrize(
    "name", [b".", b"./", b"./a", b"./a/", b"./a/b c", b"./-rf", b"./.x", b"./*"]
)
def test_takes_the_folder_and_names_below_it(name: bytes) -> None:
    assert read(*CREATE, name).names == (name,)


@pytest.mark.parametrize(
    "name",
    [
        b"", b"..", b"a", b"/a", b"~", b"./..", b"./../a", b"./a/..", b"./a/../b", b"./a//b",
        b".//",
        b"././a", b"./.", b"./a/.", b"./a\n", b"./\xc2\x9b", b"./" + b"a" * 256, b"../a", b".a",
    ],
)  # fmt: skip
def test_refuses_names_of_another_form(name: bytes) -> None:
    assert refusal(*CREATE, name).reason == Reason.BAD_OPERAND
    assert refusal(*CREATE, b"./ok", name).reason == Reason.BAD_OPERAND


def test_takes_the_folder_alone_or_names_but_not_both() -> None:
    for names in ((b".", b"."), (b".", b"./a"), (b"./a", b"."), ()):
        assert refusal(*CREATE, *names).reason == Reason.BAD_OPERAND


@pytest.mark.parametrize("option", [b"-v", b"--totals", b"--exclude=x", b"-T", b"--", b"-C"])
def test_refuses_an_option_behind_the_names(option: bytes) -> None:
    assert refusal(b"-c", b"-f", b"-", b"-C", b"/d", b".", option).reason == Reason.UNKNOWN_OPTION
    assert refusal(b"-c", b"-f", b"-", b"-C", b"/d", b"./a", option).reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize("name", [b".", b"./a", b"x", b"/etc/passwd"])
def test_refuses_names_in_a_restore(name: bytes) -> None:
    assert refusal(*EXTRACT, name).reason == Reason.BAD_OPERAND


def test_takes_two_thousand_names() -> None:
    names = tuple(b"./dir/name %d" % number for number in range(2000))
    assert read(*CREATE, *names).names == names


def test_takes_a_name_of_4094_bytes_below_the_folder() -> None:
    name = b"./" + b"/".join([b"a" * 255] * 15) + b"/" + b"b" * 252
    assert len(name) == 4094
    assert read(*CREATE, name).names == (name,)


@pytest.mark.parametrize(
    ("arguments", "offset"),
    [((*CREATE, b"--totalx", b"."), 33 + 7), ((b"-c", b"-f", b"+"), 6), ((b"-q",), 1)],
)
def test_points_at_the_first_byte_that_is_wrong(
    arguments: tuple[bytes, ...], offset: int
) -> None:
    assert refusal(*arguments).offset == offset
