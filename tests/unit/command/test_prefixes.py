"""Prefixes: sudo, nice, ionice and env in their known forms, each once, and nothing else."""

from __future__ import annotations

import itertools

import pytest

from bpc_ssh_guard.command import prefixes, words
from bpc_ssh_guard.command.prefixes import Prefixes
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.vocabulary import Reason
from tests.oracles.answers import refusal_of


def parse(command: bytes) -> tuple[Prefixes, str, int]:
    return prefixes.parse(words.split(command))


def before(command: bytes) -> Prefixes:
    """Return what stands before rsync in COMMAND."""
    found, program, _ = parse(command + b" rsync --server")
    assert program == "rsync"
    return found


def refusal(command: bytes) -> Refused:
    refused = refusal_of(parse, command)
    assert refused.reason == Reason.UNKNOWN_PROGRAM
    return refused


@pytest.mark.parametrize("name", [b"rsync", b"/usr/bin/rsync"])
def test_knows_rsync_by_its_names(name: bytes) -> None:
    assert parse(name + b" --server")[1] == "rsync"


@pytest.mark.parametrize("name", [b"tar", b"/bin/tar", b"/usr/bin/tar"])
def test_knows_tar_by_its_names(name: bytes) -> None:
    assert parse(name + b" -c")[1] == "tar"


@pytest.mark.parametrize(
    "name",
    [
        b"/bin/rsync", b"/usr/local/bin/rsync", b"./rsync", b"rsyncX", b"rsync3", b"RSYNC",
        b"xrsync",
        b"/usr/bin/tarX", b"gtar", b"bsdtar", b"star", b"/usr/sbin/tar", b"//bin/tar", b"../tar",
        b"/bin/sh", b"sh", b"bash", b"scp", b"sftp-server", b"/usr/lib/openssh/sftp-server",
        b"exec",
        b"command", b"true", b"time", b"doas", b"caffeinate", b"nohup", b"setsid", b"-",
        b"--server",
    ],
)  # fmt: skip
def test_refuses_every_other_program(name: bytes) -> None:
    assert refusal(name + b" --server").offset == 0
    assert refusal(name).offset == 0


def test_says_where_the_arguments_of_the_program_begin() -> None:
    assert parse(b"rsync --server")[2] == len(b"rsync\0")
    assert parse(b"nice -n 19 tar -c")[2] == len(b"nice\0-n\00019\0tar\0")
    assert parse(b"rsync")[2] == len(b"rsync\0")


def test_leaves_the_arguments_alone() -> None:
    assert parse(b"rsync sudo nice tar")[2] == len(b"rsync\0")


def test_finds_no_feature_without_a_prefix() -> None:
    found = parse(b"rsync --server")[0]
    assert (found.sudo, found.nice, found.io_class, found.features) == (False, None, None, ())


@pytest.mark.parametrize(
    "prefix",
    [b"sudo", b"/usr/bin/sudo", b"sudo -n", b"sudo -u root", b"sudo -n -u root",
    b"sudo -u root -n"],
)
def test_knows_sudo_to_root(prefix: bytes) -> None:
    assert before(prefix).sudo
    assert before(prefix).features == ("sudo",)


@pytest.mark.parametrize(
    "prefix",
    [
        b"sudo -u backup", b"sudo -u", b"sudo -uroot", b"sudo -u #0", b"sudo -u \\#0",
        b"sudo -nu root",
        b"sudo -E", b"sudo -i", b"sudo -s", b"sudo -H", b"sudo --", b"sudo -g root", b"sudo root",
        b"sudo --non-interactive", b"sudo --user=root", b"sudo X=1", b"/bin/sudo", b"sudoedit",
        b"sudo -n -n", b"sudo -u root -u root", b"sudo sudo",
    ],
)  # fmt: skip
def test_refuses_any_other_form_of_sudo(prefix: bytes) -> None:
    assert refusal_of(parse, prefix + b" rsync --server").reason in (
        Reason.UNKNOWN_PROGRAM, Reason.NOT_WORDS,
    )  # fmt: skip


@pytest.mark.parametrize("value", range(20))
def test_knows_nice_in_its_three_forms(value: int) -> None:
    assert before(b"nice -n %d" % value).nice == value
    assert before(b"/usr/bin/nice -%d" % value).nice == value
    assert before(b"nice").nice == 10
    assert before(b"nice").features == ("nice",)


@pytest.mark.parametrize(
    "prefix",
    [
        b"nice -n 20", b"nice -20", b"nice -n -1", b"nice --1", b"nice -n 01", b"nice -n +1",
        b"nice -n", b"nice -n19", b"nice --adjustment=19", b"nice 19", b"nice -", b"nice -n 1_0",
        b"nice -n 1 -n 1", b"nice nice", b"nice -n 100", b"/bin/nice", b"nice -n \xd9\xa1",
    ],
)  # fmt: skip
def test_refuses_any_other_form_of_nice(prefix: bytes) -> None:
    refusal(prefix + b" rsync --server")


@pytest.mark.parametrize("io_class", [2, 3])
def test_knows_ionice_with_and_without_a_level(io_class: int) -> None:
    for form in (b"ionice -c%d", b"/usr/bin/ionice -c %d"):
        assert before(form % io_class).io_class == io_class
        assert before(form % io_class).io_level == 4
    assert before(b"ionice -c2").features == ("ionice",)


@pytest.mark.parametrize("level", range(8))
def test_knows_the_level_of_ionice_in_two_forms(level: int) -> None:
    assert before(b"ionice -c2 -n%d" % level).io_level == level
    assert before(b"ionice -c 2 -n %d" % level).io_level == level


@pytest.mark.parametrize(
    "prefix",
    [
        b"ionice", b"ionice -c1", b"ionice -c 1", b"ionice -c0", b"ionice -c4", b"ionice -c2 -n8",
        b"ionice -n7", b"ionice -n7 -c2", b"ionice -c2 -n -1", b"ionice -c", b"ionice -c idle",
        b"ionice -c2 -p 1", b"ionice -t -c2", b"ionice --class=2", b"ionice -c2 -c2",
        b"ionice -c22",
        b"ionice -c2 -n7 -n7", b"ionice -c3 ionice -c3", b"/bin/ionice -c3",
    ],
)  # fmt: skip
def test_refuses_any_other_form_of_ionice(prefix: bytes) -> None:
    refusal(prefix + b" rsync --server")


@pytest.mark.parametrize("value", [b"C", b"POSIX", b"C.UTF-8", b"en"])
def test_knows_env_with_a_locale_and_nothing_follows_from_it(value: bytes) -> None:
    for variables in (b"LC_ALL=%s", b"LANG=%s", b"LC_ALL=%s LANG=C", b"LANG=C LC_ALL=%s"):
        found = before(b"env " + variables % value)
        assert (found.features, found.sudo, found.nice) == ((), False, None)
    assert before(b"/usr/bin/env LANG=C").features == ()


@pytest.mark.parametrize(
    "prefix",
    [
        b"env", b"env LC_ALL=", b"env LC_ALL=c", b"env LC_ALL=de_DE", b"env LC_ALL=C.utf8",
        b"env LC_ALL=/tmp/x", b"env LC_CTYPE=C", b"env PATH=/tmp", b"env LD_PRELOAD=/x", b"env -i",
        b"env -i LC_ALL=C", b"env -S LC_ALL=C", b"env -u X LC_ALL=C", b"env -- LC_ALL=C",
        b"LC_ALL=C",
        b"env LC_ALL=C LC_ALL=C", b"env LANG=C LANG=C", b"env LC_ALL=C env LANG=C",
        b"/bin/env LANG=C",
        b"env LC_ALL=C X=1", b"env LC_ALL=en_US",
    ],
)  # fmt: skip
def test_refuses_any_other_form_of_env(prefix: bytes) -> None:
    refusal(prefix + b" rsync --server")


PARTS = (b"sudo -n", b"nice -n 19", b"ionice -c2 -n7", b"env LC_ALL=C")


@pytest.mark.parametrize("order", list(itertools.permutations(PARTS)))
def test_takes_the_prefixes_in_any_order(order: tuple[bytes, ...]) -> None:
    found = before(b" ".join(order))
    assert (found.sudo, found.nice, found.io_class, found.io_level) == (True, 19, 2, 7)
    assert found.features == ("sudo", "nice", "ionice")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("between", [b"", b" env LANG=C", b" nice", b" sudo"])
def test_refuses_a_prefix_that_is_there_twice(part: bytes, between: bytes) -> None:
    refusal(part + between + b" " + part + b" rsync")


@pytest.mark.parametrize(
    "command", [b"sudo", b"nice -n 19", b"env LC_ALL=C", b"ionice -c3", b"nice"]
)
def test_refuses_a_prefix_without_a_program_at_the_end(command: bytes) -> None:
    assert refusal(command).offset == len(command)


@pytest.mark.parametrize(
    ("command", "offset"),
    [
        (b"nice -n 19 rsyncX -v", 11), (b"sudo -n -u root2 rsync", 11),
        (b"sudo nice sudo rsync", 10),
        (b"env LC_ALL=C LC_ALL=C rsync", 13), (b"nice -n 20 rsync", 8),
    ],
)  # fmt: skip
def test_points_at_the_word_that_is_wrong(command: bytes, offset: int) -> None:
    assert refusal(command).offset == offset


@pytest.mark.parametrize("command", [b"\\'rsync", b"'rsync '", b"'rsync --server'", b"rsync\\ -v"])
def test_refuses_a_program_with_quoted_bytes_in_its_name(command: bytes) -> None:
    refusal(command)


def test_knows_a_program_that_is_written_in_quotes() -> None:
    assert parse(b"'rsync' --server")[1] == "rsync"
    assert parse(b"r'syn'c --server")[1] == "rsync"
