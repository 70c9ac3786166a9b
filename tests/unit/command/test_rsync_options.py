"""rsync's options by direction: each that is listed, its arity, its bounds, and never twice."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.rsync import RsyncServer, parse
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import no_list, refusal_of
from tests.oracles.writing import vector

SENDER = (b"--server", b"--sender")
RECEIVER = (b"--server",)
BOTH = pytest.mark.parametrize("head", [SENDER, RECEIVER], ids=["backup", "restore"])

SENDER_LETTERS = b"vlHogDtprcxISAXzLk"
RECEIVER_LETTERS = b"vlHogDtprcxIRAXz"

COMMON_FLAGS = (b"--numeric-ids", b"--fake-super")
SENDER_FLAGS = (b"--ignore-errors", b"--devices", b"--copy-unsafe-links", b"--safe-links")
RECEIVER_FLAGS = (b"--super", b"--stats", b"--partial", b"--relative", b"--delete")
VALUES = (
    b"--timeout=72000", b"--bwlimit=1024", b"--checksum-seed=32761", b"--block-size=2048",
    b"--compress-level=6", b"--compress-choice=zstd", b"--iconv=iso-8859-1",
)  # fmt: skip


def itself(offset: int) -> int:
    return offset


def read(*arguments: bytes) -> RsyncServer:
    return parse(vector(*arguments), itself, no_list)[0]


def refusal(*arguments: bytes) -> Refused:
    return refusal_of(parse, vector(*arguments), itself, no_list)


def assert_unknown(head: tuple[bytes, ...], *options: bytes) -> None:
    assert refusal(*head, b"-lr", *options, b".", b"/srv").reason == Reason.UNKNOWN_OPTION


def options_of(server: RsyncServer) -> dict[bytes, bytes]:
    return dict(server.options)


@pytest.mark.parametrize("letter", SENDER_LETTERS)
def test_takes_each_letter_of_a_backup(letter: int) -> None:
    server = read(*SENDER, b"-" + bytes((letter,)), b".", b"/srv")
    assert server.letters == bytes((letter,))


@pytest.mark.parametrize("letter", RECEIVER_LETTERS)
def test_takes_each_letter_of_a_restore(letter: int) -> None:
    server = read(*RECEIVER, b"-" + bytes((letter,)), b".", b"/srv")
    assert server.letters == bytes((letter,))


@pytest.mark.parametrize("byte", sorted(set(range(1, 256)) - set(SENDER_LETTERS) - set(b"se")))
@pytest.mark.parametrize("form", [b"-%s", b"-l%sr", b"-lr%se.iLs"])
def test_refuses_every_other_letter_in_a_backup(byte: int, form: bytes) -> None:
    refused = refusal(*SENDER, form % bytes((byte,)), b".", b"/srv")
    assert refused.reason == Reason.UNKNOWN_OPTION


@pytest.mark.parametrize("byte", sorted(set(range(1, 256)) - set(RECEIVER_LETTERS) - set(b"se")))
@pytest.mark.parametrize("form", [b"-%s", b"-l%sr", b"-lr%se.iLs"])
def test_refuses_every_other_letter_in_a_restore(byte: int, form: bytes) -> None:
    refused = refusal(*RECEIVER, form % bytes((byte,)), b".", b"/srv")
    assert refused.reason == Reason.UNKNOWN_OPTION


@BOTH
@pytest.mark.parametrize("letter", b"lHogDtprcxIAXz")
def test_refuses_a_letter_that_is_there_twice(head: tuple[bytes, ...], letter: int) -> None:
    each = bytes((letter,))
    for cluster in (b"-%s%s" % (each, each), b"-%sv%se.iLs" % (each, each)):
        refused = refusal(*head, cluster, b".", b"/srv")
        assert refused.reason == Reason.UNKNOWN_OPTION
        assert refused.detail == f"-{each.decode()} is repeated"


@BOTH
def test_takes_v_up_to_three_times(head: tuple[bytes, ...]) -> None:
    for count in (1, 2, 3):
        assert read(*head, b"-l" + b"v" * count, b".", b"/srv").letters == b"v" * count + b"l"
    assert refusal(*head, b"-vvvv", b".", b"/srv").reason == Reason.UNKNOWN_OPTION
    assert refusal(*head, b"-vlvrvv", b".", b"/srv").reason == Reason.UNKNOWN_OPTION


@BOTH
@pytest.mark.parametrize(
    "tail",
    [
        b"e.", b"e.iL", b"e.iLsf", b"e.iLsfx", b"e.iLsfxC", b"e.iLsfxCIv", b"e.iLsfxCIvu",
        b"e.LsfxCIvu", b"e.uvICxfsLi",
    ],
)  # fmt: skip
def test_keeps_the_capabilities_behind_e(head: tuple[bytes, ...], tail: bytes) -> None:
    server = read(*head, b"-lr" + tail, b".", b"/srv")
    assert server.capabilities == tail[1:]
    assert b"-lr" + tail in server.arguments()
    assert read(*head, b"-" + tail, b".", b"/srv").letters == b""


@BOTH
def test_renders_no_e_where_there_was_none(head: tuple[bytes, ...]) -> None:
    server = read(*head, b"-lHogDtprx", b".", b"/srv")
    assert server.capabilities is None
    assert server.arguments() == (*head, b"-lHogDtprx", b".", b"/srv")


@BOTH
@pytest.mark.parametrize(
    "cluster",
    [
        b"-lre", b"-lreiLs", b"-lre.iLsz", b"-lre.iL.", b"-lre31.14iLs", b"-lre.iLs.", b"-lre.ii",
        b"-e", b"-", b"-lre.iLse.iLs", b"-lre.i L", b"-lre..", b"--lr", b"-lr-", b"-lre.iLsfxCIvuu",
    ],
)  # fmt: skip
def test_refuses_a_malformed_cluster(head: tuple[bytes, ...], cluster: bytes) -> None:
    refused = refusal(*head, cluster, b".", b"/srv")
    assert refused.reason == Reason.UNKNOWN_OPTION


@BOTH
def test_does_not_take_the_s_of_the_capabilities_for_secluded(head: tuple[bytes, ...]) -> None:
    assert read(*head, b"-lre.s", b".", b"/srv").paths == (b"/srv",)


@pytest.mark.parametrize("option", [*COMMON_FLAGS, *SENDER_FLAGS])
def test_takes_each_flag_of_a_backup(option: bytes) -> None:
    assert options_of(read(*SENDER, b"-lr", option, b".", b"/srv")) == {option: b""}


@pytest.mark.parametrize(
    "option", [*COMMON_FLAGS, b"--super", b"--stats", b"--partial", b"--delete"]
)
def test_takes_each_flag_of_a_restore(option: bytes) -> None:
    assert options_of(read(*RECEIVER, b"-lr", option, b".", b"/srv")) == {option: b""}


def test_takes_relative_of_a_restore_as_the_letter_it_is() -> None:
    assert read(*RECEIVER, b"-lr", b"--relative", b".", b"/srv").letters == b"lrR"
    assert refusal(*RECEIVER, b"-lrR", b"--relative", b".", b"/srv").detail == "-R is repeated"


@pytest.mark.parametrize("option", RECEIVER_FLAGS)
def test_refuses_a_flag_of_restores_in_a_backup(option: bytes) -> None:
    assert_unknown(SENDER, option)


@pytest.mark.parametrize("option", [*SENDER_FLAGS, b"--sender"])
def test_refuses_a_flag_of_backups_in_a_restore(option: bytes) -> None:
    assert_unknown(RECEIVER, option)


@BOTH
@pytest.mark.parametrize("option", VALUES)
def test_takes_each_option_with_a_value(head: tuple[bytes, ...], option: bytes) -> None:
    name, _, value = option.partition(b"=")
    assert options_of(read(*head, b"-lr", option, b".", b"/srv")) == {name: value}


@BOTH
@pytest.mark.parametrize("option", [*VALUES, *COMMON_FLAGS, b"-B4096"])
def test_refuses_an_option_that_is_there_twice(head: tuple[bytes, ...], option: bytes) -> None:
    refused = refusal(*head, b"-lr", option, b"--numeric-ids", option, b".", b"/srv")
    assert refused.reason == Reason.UNKNOWN_OPTION
    assert refused.detail.endswith("is repeated")


@pytest.mark.parametrize("option", SENDER_FLAGS)
def test_refuses_a_flag_of_backups_that_is_there_twice(option: bytes) -> None:
    assert refusal(*SENDER, b"-lr", option, option, b".", b"/srv").detail.endswith("is repeated")


@pytest.mark.parametrize("option", [*RECEIVER_FLAGS, b"--log-format=%i"])
def test_refuses_a_flag_of_restores_that_is_there_twice(option: bytes) -> None:
    assert refusal(*RECEIVER, b"-lr", option, option, b".", b"/srv").detail.endswith("is repeated")


@BOTH
@pytest.mark.parametrize("option", VALUES)
@pytest.mark.parametrize("form", ["without", "empty", "apart", "glued"])
def test_refuses_a_value_in_another_place(
    head: tuple[bytes, ...], option: bytes, form: str
) -> None:
    name, _, value = option.partition(b"=")
    arguments = {
        "without": (name,), "empty": (name + b"=",), "apart": (name, value),
        "glued": (name + value,),
    }[form]  # fmt: skip
    assert_unknown(head, *arguments)


@BOTH
@pytest.mark.parametrize("option", [*COMMON_FLAGS, b"--numeric-ids", b"--perms"])
@pytest.mark.parametrize("value", [b"=", b"=1", b"=no"])
def test_refuses_a_value_for_a_flag(
    head: tuple[bytes, ...], option: bytes, value: bytes
) -> None:
    assert_unknown(head, option + value)


@BOTH
@pytest.mark.parametrize("name", [b"--timeout", b"--bwlimit", b"--checksum-seed"])
@pytest.mark.parametrize(
    ("value", "taken"),
    [(b"0", True), (b"1", True), (b"2147483647", True), (b"2147483648", False),
     (b"9999999999", False), (b"10000000000", False)],
)  # fmt: skip
def test_holds_numbers_to_a_c_int(
    head: tuple[bytes, ...], name: bytes, value: bytes, taken: bool
) -> None:
    option = name + b"=" + value
    if taken:
        assert options_of(read(*head, b"-lr", option, b".", b"/srv"))[name] == value
    else:
        assert_unknown(head, option)


@BOTH
@pytest.mark.parametrize("form", [b"--block-size=%s", b"-B%s"])
@pytest.mark.parametrize(
    ("value", "taken"),
    [(b"512", True), (b"131072", True), (b"511", False), (b"131073", False), (b"0", False),
     (b"999999", False), (b"1000000", False), (b"99", False), (b"0512", False)],
)  # fmt: skip
def test_holds_the_block_size_to_its_bounds(
    head: tuple[bytes, ...], form: bytes, value: bytes, taken: bool
) -> None:
    if taken:
        server = read(*head, b"-lr", form % value, b".", b"/srv")
        assert options_of(server) == {b"--block-size": value}
        assert b"--block-size=" + value in server.arguments()
    else:
        assert_unknown(head, form % value)


@BOTH
def test_takes_one_block_size_however_written(head: tuple[bytes, ...]) -> None:
    assert_unknown(head, b"-B512", b"--block-size=512")


@BOTH
@pytest.mark.parametrize(("value", "taken"), [(b"0", True), (b"22", True), (b"23", False),
                                              (b"99", False), (b"-1", False), (b"100", False)])
def test_holds_the_compression_level_to_zstds(
    head: tuple[bytes, ...], value: bytes, taken: bool
) -> None:
    if taken:
        assert read(*head, b"-lr", b"--compress-level=" + value, b".", b"/srv").options
    else:
        assert_unknown(head, b"--compress-level=" + value)


@BOTH
@pytest.mark.parametrize("value", [b"zstd", b"lz4", b"zlib", b"zlibx", b"none"])
def test_takes_each_compression(head: tuple[bytes, ...], value: bytes) -> None:
    assert read(*head, b"-lr", b"--compress-choice=" + value, b".", b"/srv").options


@pytest.mark.parametrize("value", [b"%i", b"%i%I", b"%o", b"X"])
def test_takes_each_log_format_of_a_restore(value: bytes) -> None:
    server = read(*RECEIVER, b"-lr", b"--log-format=" + value, b".", b"/srv")
    assert options_of(server) == {b"--log-format": value}
    assert_unknown(SENDER, b"--log-format=" + value)


@BOTH
@pytest.mark.parametrize(
    "option",
    [
        b"--log-format=%n", b"--log-format=%i%i", b"--log-format=x", b"--compress-choice=zip",
        b"--compress-choice=zstd,zlib", b"--compress-choice=auto", b"--iconv=.", b"--iconv=-",
        b"--iconv=utf8,latin1", b"--iconv=UTF-8//TRANSLIT", b"--iconv=a/b", b"--iconv=\xff",
        b"--iconv=" + b"a" * 41, b"--timeout=+1", b"--timeout=-1", b"--timeout=01",
        b"--timeout=1_0",
        b"--timeout=0x10", b"--timeout=1e3", b"--timeout= 1", b"--timeout=1 ", b"--timeout=1.5",
        b"--timeout=\xd9\xa1", b"--timeout=\xef\xbc\x91", b"--bwlimit=1m", b"--bwlimit=1.5",
        b"--block-size=1k", b"-B", b"-B4k", b"-B=4096", b"-b512", b"--checksum-seed=-1",
    ],
)  # fmt: skip
def test_refuses_a_value_of_another_form(head: tuple[bytes, ...], option: bytes) -> None:
    assert_unknown(head, option)


@BOTH
@pytest.mark.parametrize(
    "option",
    [
        b"--numeric-id", b"--num", b"--timeou=5", b"--Numeric-ids", b"-numeric-ids",
        b"--numeric_ids",
        b"---numeric-ids", b"--no-numeric-ids", b"--", b"-", b"--n", b"--partia", b"--delete-",
        b"--del", b"--delete-after", b"--delete-excluded", b"--remove-source-files", b"--daemon",
        b"--config=/x", b"--log-file=/x", b"--log-file-format=x", b"--files-from=-", b"--from0",
        b"--copy-links", b"--backup", b"--backup-dir=/x", b"--suffix=x", b"--partial-dir=/x",
        b"--temp-dir=/x", b"--compare-dest=/x", b"--copy-dest=/x", b"--link-dest=/x", b"--inplace",
        b"--append", b"--write-batch=/x", b"--only-write-batch=/x", b"--read-batch=/x", b"--rsh=x",
        b"--rsync-path=x", b"--usermap=*:0", b"--groupmap=*:0", b"--chown=0:0", b"--chmod=u+s",
        b"--copy-as=root", b"--copy-devices", b"--write-devices", b"--munge-links",
        b"--no-munge-links", b"--confine-root=/", b"--drop-D", b"--no-drop-D", b"--insecure-links",
        b"--trust-sender", b"--exclude=x", b"--include=x", b"--filter=x", b"--exclude-from=/x",
        b"--protocol=29", b"--password-file=/x", b"--early-input=/x", b"--sockopts=x",
        b"--list-only", b"--max-delete=1", b"--force", b"--existing", b"--size-only", b"--dry-run",
        b"--secluded-args", b"--protect-args", b"--debug=ALL", b"--info=ALL", b"--stop-at=x",
        b"--mkpath", b"--fsync", b"-M--x", b"--remote-option=x", b"--outbuf=N", b"--sender",
        b"--server", b"--iconv", b"--specials", b"--no-r", b"--skip-compress=x", b"--times=1",
    ],
)  # fmt: skip
def test_refuses_every_other_option_and_every_other_spelling(
    head: tuple[bytes, ...], option: bytes
) -> None:
    assert_unknown(head, option)


@BOTH
def test_takes_the_options_in_any_order_and_renders_them_in_one(head: tuple[bytes, ...]) -> None:
    options = (b"--numeric-ids", b"--timeout=5", b"--bwlimit=7", b"--checksum-seed=1")
    one = read(*head, b"-rl", *options, b".", b"/srv")
    other = read(*head, b"-lr", *reversed(options), b".", b"/srv")
    assert one.arguments() == other.arguments()


@pytest.mark.parametrize(
    ("option", "feature"),
    [
        (b"-A", "acls"), (b"-X", "xattrs"), (b"-z", "compress"),
        (b"--compress-level=1", "compress"),
        (b"--compress-choice=lz4", "compress"), (b"--iconv=utf8", "iconv"), (b"-L", "copy-links"),
        (b"--fake-super", "fake-super"), (b"-k", "copy-links"), (b"--safe-links", "copy-links"),
        (b"--copy-unsafe-links", "copy-links"), (b"-e.iLs", None), (b"--devices", None),
        (b"--ignore-errors", None), (b"-lHogDtprcxIS", None),
    ],
)  # fmt: skip
def test_names_the_feature_that_an_option_needs(option: bytes, feature: str | None) -> None:
    before = () if option[:2] != b"--" else (b"-lr",)
    server = read(*SENDER, *before, option, b".", b"/srv")
    assert server.features == ((feature,) if feature else ())


def test_names_features_once_and_in_one_order() -> None:
    server = read(*SENDER, b"-zXALk", b"--safe-links", b"--compress-level=1", b".", b"/srv")
    assert server.features == ("acls", "xattrs", "compress", "copy-links")


def test_tells_whether_a_restore_deletes() -> None:
    assert read(*RECEIVER, b"-lr", b"--delete", b".", b"/srv").deletes
    assert not read(*RECEIVER, b"-lr", b".", b"/srv").deletes
