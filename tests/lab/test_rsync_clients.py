"""Plain rsync clients push and pull through the guard over ssh, in every form the policy admits."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from . import trees
from .comparison import differences, rsync_differences, snapshot
from .process import require, run, said

if TYPE_CHECKING:
    from pathlib import Path

    from .clients import SshClient
    from .host import CommandLog
    from .site import Site

pytestmark = pytest.mark.lab

PLAIN_FORMS = (
    ("-aH", "--numeric-ids"),
    ("-aH", "--numeric-ids", "-s"),
    ("-aHv", "--numeric-ids"),
    ("-aHvv", "--numeric-ids", "-s"),
    ("-aH", "--numeric-ids", "--protocol=29"),
    ("-aH", "--numeric-ids", "--protocol=29", "-s"),
    ("-aHc", "--numeric-ids", "--timeout=60", "--bwlimit=100000", "-s"),
)
ACCEPTED_FORMS = (
    ("-aHz", "--numeric-ids"),
    ("-aHz", "--numeric-ids", "-s", "--compress-choice=zstd", "--compress-level=9"),
    ("-aHAX", "--numeric-ids", "-s"),
)


@pytest.mark.parametrize("form", PLAIN_FORMS, ids=" ".join)
def test_rsync_pulls_everything(
    form: tuple[str, ...], backup_key: SshClient, data: str, tmp_path: Path
) -> None:
    trees.build(data)

    require(backup_key.rsync(*form, f"client:{data}/", f"{tmp_path}/"))

    assert differences(snapshot(data), snapshot(str(tmp_path))) == []


@pytest.mark.parametrize("form", PLAIN_FORMS, ids=" ".join)
def test_rsync_pushes_everything(
    form: tuple[str, ...], restore_key: SshClient, restored: str, tmp_path: Path
) -> None:
    trees.build(f"{tmp_path}/tree")
    trees.write_file(f"{restored}/superfluous", "to be deleted\n")

    require(restore_key.rsync(*form, "--delete", f"{tmp_path}/tree/", f"client:{restored}/"))

    assert differences(snapshot(f"{tmp_path}/tree"), snapshot(restored)) == []


@pytest.mark.parametrize("form", ACCEPTED_FORMS, ids=" ".join)
def test_rsync_keeps_what_the_policy_accepts_both_ways(
    form: tuple[str, ...], site: Site, data: str, restored: str, tmp_path: Path
) -> None:
    trees.build(data)
    _add_attributes(data)

    pull = site.client("more-backup").rsync(*form, f"client:{data}/", f"{tmp_path}/")
    push = site.client("more-restore").rsync(*form, f"{tmp_path}/", f"client:{restored}/")

    assert (pull.returncode, push.returncode) == (0, 0), said(pull) + said(push)
    extended = "-aHAX" in form
    before, after = (snapshot(each, extended=extended) for each in (data, restored))
    assert differences(before, after) == []
    if extended:
        assert rsync_differences(data, restored, "-AX") == []


@pytest.mark.parametrize("form", [*ACCEPTED_FORMS, ("-a", "--iconv=utf-8,iso-8859-1")])
def test_refuses_features_that_the_policy_does_not_accept(
    form: tuple[str, ...], backup_key: SshClient, log: CommandLog, data: str, tmp_path: Path
) -> None:
    mark = log.mark()

    done = backup_key.rsync(*form, f"client:{data}/", f"{tmp_path}/")

    assert done.returncode != 0
    assert b"bpc-ssh-guard: refused (feature-not-accepted)\n" in done.stderr
    assert [record["event.code"] for record in log.settled(mark)] == ["feature-not-accepted"]


@pytest.mark.parametrize("secluded", [(), ("-s",)], ids=["visible", "secluded"])
def test_rsync_converts_names_between_character_sets(
    secluded: tuple[str, ...], site: Site, data: str, restored: str, tmp_path: Path
) -> None:
    form = ("-aH", "--iconv=utf-8,iso-8859-1", *secluded)
    folder = b"Gr\xfc\xdfe" if secluded else b"plain"  # -s alone sends the path converted too
    latin1 = os.path.join(os.fsencode(data), folder)
    os.mkdir(latin1)
    trees.write_file(os.fsdecode(os.path.join(latin1, b"\xe4\xf6\xfc")), "umlauts\n")
    os.utime(latin1, (trees.EPOCH, trees.EPOCH))

    asked = f"client:{data}/{folder.decode('latin-1')}/"
    pull = site.client("more-backup").rsync(*form, asked, f"{tmp_path}/")
    pulled = os.listdir(os.fsencode(tmp_path))
    os.mkdir(os.path.join(os.fsencode(restored), folder))
    target = f"client:{restored}/{folder.decode('latin-1')}/"
    push = site.client("more-restore").rsync(*form, f"{tmp_path}/", target)

    assert (pull.returncode, push.returncode) == (0, 0), said(pull) + said(push)
    assert pulled == ["äöü".encode()]
    assert differences(snapshot(data), snapshot(restored)) == []


def test_rsync_reads_names_that_a_shell_would_expand_as_they_are(
    backup_key: SshClient, data: str, tmp_path: Path
) -> None:
    name = "it's $HOME `id` \"x\" & more; #1 ~ ^"
    os.mkdir(f"{data}/{name}")
    trees.write_file(f"{data}/{name}/file", "odd\n")
    star = f"{data}/st*r"
    for path in (star, f"{data}/star"):
        os.mkdir(path)
        trees.write_file(f"{path}/{os.path.basename(path)}", "a pattern or a name\n")

    for number, form in enumerate((("-a",), ("-a", "-s"))):
        require(backup_key.rsync(*form, f"client:{data}/{name}/", f"{tmp_path}/{number}/"))
        assert os.listdir(f"{tmp_path}/{number}") == ["file"]
    # rsync's own server expands a secluded path; behind the guard it is a name.
    require(backup_key.rsync("-a", "-s", f"client:{star}/", f"{tmp_path}/star/"))
    assert os.listdir(f"{tmp_path}/star") == ["st*r"]


def test_rsync_pulls_several_paths_at_once(
    backup_key: SshClient, data: str, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        trees.write_file(f"{data}/{name}", f"{name}\n")

    for number, form in enumerate((("-a",), ("-a", "-s"))):
        sources = (f"client:{data}/one", f":{data}/two")
        require(backup_key.rsync(*form, *sources, f"{tmp_path}/{number}/"))
        assert sorted(os.listdir(f"{tmp_path}/{number}")) == ["one", "two"]


def test_secluded_arguments_stand_in_the_records(
    backup_key: SshClient, log: CommandLog, data: str, tmp_path: Path
) -> None:
    mark = log.mark()

    require(backup_key.rsync("-a", "-s", "--timeout=60", f"client:{data}/", f"{tmp_path}/"))

    started = log.settled(mark)[0]
    assert started["bpc.secluded.args"] == ["--timeout=60", ".", f"{data}/"]
    assert data not in started["process.command_line"]
    assert started["process.args"][-2:] == [".", f"{data}/"]


def _add_attributes(data: str) -> None:
    """Give the tree access control lists and extended attributes of the user's."""
    acl = ["setfacl", "-m", "u:12345:r,g:54321:rw", f"{data}/plain.txt"]
    default = ["setfacl", "-d", "-m", "u:12345:rwx", f"{data}/folder"]
    attribute = ["setfattr", "-n", "user.note", "-v", "kept \x01 too", f"{data}/large"]
    done: list[subprocess.CompletedProcess[bytes]] = [run(acl), run(default), run(attribute)]
    for each in done:
        require(each)
