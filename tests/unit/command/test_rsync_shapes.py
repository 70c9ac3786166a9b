"""The shape of an rsync server's arguments: direction, cluster, options, the dot, the paths."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.rsync import RsyncServer, parse
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import no_list, refusal_of
from tests.oracles.writing import vector

SENDER = (b"--server", b"--sender")
RECEIVER = (b"--server",)

# File::RsyncP 0.70, as BackupPC 3 drives it.
LEGACY = (
    b"--numeric-ids", b"--perms", b"--owner", b"--group", b"-D", b"--links", b"--hard-links",
    b"--times", b"--block-size=2048", b"--recursive",
)  # fmt: skip


def read(*arguments: bytes) -> RsyncServer:
    return parse(vector(*arguments), lambda offset: offset, no_list)[0]


def refusal(*arguments: bytes) -> Refused:
    return refusal_of(parse, vector(*arguments), lambda offset: offset, no_list)


def test_reads_a_backup() -> None:
    server = read(*SENDER, b"-lHogDtprcxe.iLsfxC", b"--timeout=72000", b".", b"/srv/data/")
    assert (server.program, server.operation, server.rule) == ("rsync", "backup", "rsync-send")
    assert server.letters == b"lHogDtprcx"
    assert server.paths == (b"/srv/data/",)


def test_reads_a_restore() -> None:
    server = read(*RECEIVER, b"-lHogDtprRe.iLsfxC", b"--super", b".", b"/srv/restore")
    assert (server.operation, server.rule) == ("restore", "rsync-receive")
    assert server.paths == (b"/srv/restore",)


def test_renders_in_its_own_order_with_what_is_injected_before_the_paths() -> None:
    server = read(*SENDER, b"-rltz", b"--numeric-ids", b"--timeout=5", b".", b"/b", b"/a")
    assert server.arguments((b"--confine-root=/",)) == (
        b"--server", b"--sender", b"-ltrz", b"--timeout=5", b"--numeric-ids", b"--confine-root=/",
        b".", b"/b", b"/a",
    )  # fmt: skip


def test_renders_nothing_of_its_own_without_being_told() -> None:
    arguments = (*RECEIVER, b"-ltre.iLs", b"--delete", b"--super", b".", b"/r")
    assert read(*arguments).arguments() == arguments


def test_takes_many_paths_for_a_backup_and_keeps_their_order() -> None:
    paths = tuple(b"/srv/data/%d" % number for number in range(1000))
    assert read(*SENDER, b"-lr", b".", *paths).paths == paths


@pytest.mark.parametrize("paths", [(b"/a", b"/b"), (b"/a", b"/a"), (b"/a", b".")])
def test_refuses_a_second_path_for_a_restore(paths: tuple[bytes, ...]) -> None:
    assert refusal(*RECEIVER, b"-lr", b".", *paths).reason == Reason.BAD_OPERAND


@pytest.mark.parametrize("head", [SENDER, RECEIVER])
@pytest.mark.parametrize(
    "tail",
    [(), (b".",), (b"/a",), (b"/a", b"."), (b"", b"/a"), (b"./", b"/a"), (b"..", b"/a"),
     (b"/", b"/a"), (b"-.", b"/a")],
)  # fmt: skip
def test_refuses_what_does_not_end_in_the_dot_and_a_path(
    head: tuple[bytes, ...], tail: tuple[bytes, ...]
) -> None:
    assert refusal(*head, b"-lr", *tail).reason in (Reason.BAD_OPERAND, Reason.UNKNOWN_OPTION)


@pytest.mark.parametrize("head", [SENDER, RECEIVER])
@pytest.mark.parametrize("option", [b"--numeric-ids", b"--log-file=/x", b"-L", b"--", b"-", b"-s"])
def test_refuses_an_option_behind_the_dot_or_the_paths(
    head: tuple[bytes, ...], option: bytes
) -> None:
    assert refusal(*head, b"-lr", b".", option, b"/a").reason == Reason.UNKNOWN_OPTION
    assert refusal(*head, b"-lr", b".", b"/a", option).reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize(
    "arguments",
    [
        (), (b"--server",), SENDER, (b"--sender", b"--server", b"-lr", b".", b"/a"),
        (b"--sender", b"-lr", b".", b"/a"), (b"-lr", b".", b"/a"), (b"-lr", b"/a", b"host:/b"),
        (b"--server", b"-lr", b"--sender", b".", b"/a"),
        (*SENDER, b"--sender", b"-lr", b".", b"/a"),
        (b"--server", b"--server", b"-lr", b".", b"/a"), (b"--server", b"--daemon", b"."),
        (b"--daemon",), (*SENDER, b"-lr", b"-t", b".", b"/a"), (*SENDER, b"--numeric-ids", b"-lr",
        b".", b"/a"), (b"-av", b"--server", b"--sender", b".", b"/a"), (*SENDER, b".", b"/a"),
        (*RECEIVER, b".", b"/a"), (*SENDER, b"--numeric-ids", b".", b"/a"),
    ],
)  # fmt: skip
def test_refuses_another_order_of_the_parts(arguments: tuple[bytes, ...]) -> None:
    assert refusal(*arguments).reason in (Reason.BAD_OPERAND, Reason.UNKNOWN_OPTION)


@pytest.mark.parametrize(
    "path", [b"", b"data", b"./data", b"..", b"~", b"/a//b", b"/a/../b", b"/a/.", b"-rf", b"/a\x1b"]
)
def test_refuses_a_malformed_path(path: bytes) -> None:
    assert refusal(*SENDER, b"-lr", b".", path).reason in (
        Reason.BAD_OPERAND, Reason.UNKNOWN_OPTION,
    )  # fmt: skip
    assert refusal(*SENDER, b"-lr", b".", b"/ok", path).reason in (
        Reason.BAD_OPERAND, Reason.UNKNOWN_OPTION,
    )  # fmt: skip


def test_points_at_the_path_that_is_malformed() -> None:
    refused = refusal(*SENDER, b"-lr", b".", b"/ok", b"/a/../b")
    assert refused.offset == len(vector(*SENDER, b"-lr", b".", b"/ok"))
    assert not refused.in_list


@pytest.mark.parametrize(
    ("arguments", "offset"),
    [
        ((*SENDER, b"-lr", b"--numeric-idX", b".", b"/a"), 34),
        ((*SENDER, b"-lrq", b".", b"/a"), 21),
        ((b"--server", b"--sendeX", b"."), 16),
        ((*RECEIVER, b"-lr", b"--devices", b".", b"/a"), 17),
    ],
)
def test_points_at_the_first_byte_that_is_wrong(
    arguments: tuple[bytes, ...], offset: int
) -> None:
    assert refusal(*arguments).offset == offset


def test_reads_a_backup_of_backuppc_3() -> None:
    server = read(*SENDER, *LEGACY, b"--ignore-times", b".", b"/srv/data/")
    assert server.arguments() == (
        b"--server", b"--sender", b"-lHogDtprI", b"--block-size=2048", b"--numeric-ids", b".",
        b"/srv/data/",
    )  # fmt: skip


def test_reads_a_restore_of_backuppc_3() -> None:
    server = read(*RECEIVER, *LEGACY, b"--relative", b"--ignore-times", b".", b"/srv/restore/")
    assert server.arguments() == (
        b"--server", b"-lHogDtprIR", b"--block-size=2048", b"--numeric-ids", b".", b"/srv/restore/",
    )  # fmt: skip


@pytest.mark.parametrize("head", [SENDER, RECEIVER])
@pytest.mark.parametrize(
    ("option", "letter"),
    [
        (b"--perms", b"p"), (b"--owner", b"o"), (b"--group", b"g"), (b"--links", b"l"),
        (b"--hard-links", b"H"), (b"--times", b"t"), (b"--recursive", b"r"),
        (b"--ignore-times", b"I"), (b"--one-file-system", b"x"),
    ],
)  # fmt: skip
def test_takes_each_legacy_option_as_its_letter(
    head: tuple[bytes, ...], option: bytes, letter: bytes
) -> None:
    assert read(*head, option, b".", b"/a").letters == letter
    assert refusal(*head, option, option, b".", b"/a").reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize("head", [SENDER, RECEIVER])
def test_takes_a_lone_d_once_among_legacy_options(head: tuple[bytes, ...]) -> None:
    assert read(*head, b"--perms", b"-D", b"--owner", b".", b"/a").letters == b"oDp"
    assert refusal(*head, b"--perms", b"-D", b"-D", b".", b"/a").reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize("head", [SENDER, RECEIVER])
def test_takes_a_lone_d_wherever_it_stands_among_legacy_options(head: tuple[bytes, ...]) -> None:
    for place in range(len(LEGACY)):
        rest = [option for option in LEGACY if option != b"-D"]
        arguments = (*head, *rest[:place], b"-D", *rest[place:], b".", b"/a")
        assert set(read(*arguments).letters) == set(b"lHogDtpr")


@pytest.mark.parametrize("head", [SENDER, RECEIVER])
@pytest.mark.parametrize("option", [b"--perms", b"-D", b"-lr", b"--recursive"])
def test_refuses_a_cluster_beside_legacy_options(head: tuple[bytes, ...], option: bytes) -> None:
    for arguments in ((b"-lHr", option), (option, b"-lHr"), (b"--perms", b"-lHr", option)):
        refused = refusal(*head, *arguments, b".", b"/a")
        assert refused.reason == Reason.UNKNOWN_OPTION


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        read(*SENDER, b"-lr", b".", b"/a").extra = 1  # type: ignore[attr-defined]  # the point
