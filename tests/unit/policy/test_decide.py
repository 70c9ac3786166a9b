"""The decision: every reason of refusal, and the plan with what the guard adds of its own."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.parse import Command, understand
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.policy.decide import Plan, decide
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Policy
from tests.oracles.answers import PROTECTIONS, no_list

BACKUP = b"rsync --server --sender -lr . /srv/data"
RESTORE = b"rsync --server -lr . /srv/restore"
TAR_BACKUP = b"tar -c -f - -C /srv/data ."
TAR_RESTORE = b"tar -x -f - -C /srv/restore"


def policy(body: bytes, settings: bytes = b"") -> Policy:
    return parse(settings + b"Key k\n" + body, b"/etc/bpc-ssh-guard/policy")


def backup(more: bytes = b"", roots: bytes = b"/srv/data /home") -> Policy:
    return policy(b"Backup " + roots + b"\n" + more)


def restore(more: bytes = b"") -> Policy:
    return policy(b"Restore /srv/restore\nWindow always\n" + more)


def plan(rules: Policy, command: bytes, protections: tuple[bytes, ...] = PROTECTIONS) -> Plan:
    return decide(rules, rules.blocks[b"k"], understand(command, no_list), protections)


def refusal(rules: Policy, command: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        plan(rules, command)
    return caught.value


def test_plans_a_backup() -> None:
    found = plan(backup(), BACKUP)
    assert found.argv == (
        b"/usr/bin/rsync", b"--server", b"--sender", b"-lr", b"--confine-root=/srv/data", b".",
        b"/srv/data",
    )  # fmt: skip
    assert found.executable == b"/usr/bin/rsync"
    assert found.roots == (b"/srv/data",)
    assert isinstance(found.command, Command)


def test_plans_a_restore() -> None:
    assert plan(restore(), RESTORE).argv == (
        b"/usr/bin/rsync", b"--server", b"-lr", b"--drop-D", b"--chmod=ug-s", b".", b"/srv/restore",
    )  # fmt: skip


def test_plans_a_tar_backup_and_a_tar_restore() -> None:
    assert plan(backup(), TAR_BACKUP).argv == (
        b"/usr/bin/tar", b"-c", b"-f", b"-", b"-C", b"/srv/data", b"--no-unquote",
        b".",
    )  # fmt: skip
    assert plan(restore(), TAR_RESTORE).argv == (
        b"/usr/bin/tar", b"-x", b"-f", b"-", b"-C", b"/srv/restore", b"--no-overwrite-dir",
    )  # fmt: skip


@pytest.mark.parametrize("name", [b"rsync", b"/usr/bin/rsync"])
def test_starts_the_program_that_the_policy_names_whatever_the_command_says(name: bytes) -> None:
    rules = policy(b"Backup /srv", b"Rsync /opt/rsync-3.5/rsync\n")
    assert plan(rules, BACKUP.replace(b"rsync", name, 1)).executable == b"/opt/rsync-3.5/rsync"


def test_starts_the_tar_that_the_policy_names() -> None:
    rules = policy(b"Backup /srv", b"Tar /opt/tar\n")
    assert plan(rules, TAR_BACKUP.replace(b"tar", b"/bin/tar", 1)).argv[0] == b"/opt/tar"


@pytest.mark.parametrize(
    ("tools", "refused", "taken"),
    [(b"Tools rsync", TAR_BACKUP, BACKUP), (b"Tools tar", BACKUP, TAR_BACKUP)],
)
def test_refuses_a_program_that_tools_does_not_list(
    tools: bytes, refused: bytes, taken: bytes
) -> None:
    assert refusal(backup(tools), refused).reason == "tool-not-allowed"
    assert plan(backup(tools), taken)


@pytest.mark.parametrize("command", [RESTORE, TAR_RESTORE])
def test_refuses_a_restore_by_a_backup_key(command: bytes) -> None:
    refused = refusal(backup(), command)
    assert (refused.reason, refused.detail) == (
        "wrong-operation", "the command is a restore, the key is for backup",
    )  # fmt: skip


@pytest.mark.parametrize("command", [BACKUP, TAR_BACKUP])
def test_refuses_a_backup_by_a_restore_key(command: bytes) -> None:
    assert refusal(restore(), command).reason == "wrong-operation"


FEATURES = [
    (b"sudo " + BACKUP, "sudo"), (b"nice " + BACKUP, "nice"), (b"ionice -c3 " + BACKUP, "ionice"),
    (BACKUP.replace(b"-lr", b"-lrA"), "acls"), (BACKUP.replace(b"-lr", b"-lrX"), "xattrs"),
    (BACKUP.replace(b"-lr", b"-lrz"), "compress"), (BACKUP.replace(b"-lr", b"-lrL"), "copy-links"),
    (BACKUP.replace(b" .", b" --fake-super ."), "fake-super"),
    (BACKUP.replace(b" .", b" --iconv=utf8 ."), "iconv"),
    (TAR_BACKUP.replace(b" .", b" --acls ."), "acls"),
    (TAR_BACKUP.replace(b" .", b" --xattrs ."), "xattrs"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "feature"), FEATURES)
def test_refuses_a_feature_that_accept_does_not_list(command: bytes, feature: str) -> None:
    refused = refusal(backup(), command)
    assert (refused.reason, refused.detail) == (
        "feature-not-accepted", f"Accept does not list {feature}",
    )  # fmt: skip
    assert refused.needs == (feature,)
    assert plan(backup(b"Accept " + feature.encode()), command)


def test_names_all_features_that_are_missing_and_all_that_are_needed() -> None:
    command = b"sudo nice " + BACKUP.replace(b"-lr", b"-lrA")
    refused = refusal(backup(b"Accept nice"), command)
    assert refused.detail == "Accept does not list sudo, acls"
    assert refused.needs == ("sudo", "nice", "acls")


def test_refuses_a_deletion_that_the_block_forbids() -> None:
    command = RESTORE.replace(b" .", b" --delete .")
    assert refusal(restore(b"Delete no"), command).reason == "delete-not-permitted"
    assert b"--delete" in plan(restore(b"Delete yes"), command).argv
    assert b"--delete" in plan(restore(), command).argv
    assert b"--delete" not in plan(restore(), RESTORE).argv


@pytest.mark.parametrize(
    "path",
    [b"/", b"/srv", b"/srv/dataX", b"/srv/dat", b"/etc", b"/homeX", b"/home2/x", b"/srv/Data"]
)
def test_refuses_a_path_outside_the_roots(path: bytes) -> None:
    refused = refusal(backup(), b"rsync --server --sender -lr . " + path)
    assert (refused.reason, refused.detail) == (
        "outside-roots", f"{path.decode()} is not below a root",
    )  # fmt: skip
    assert refusal(backup(), b"tar -c -f - -C " + path + b" .").reason == "outside-roots"


def test_refuses_when_one_of_many_paths_is_outside() -> None:
    for paths in (b"/srv/data /etc", b"/etc /srv/data", b"/srv/data /home/x /srv"):
        assert refusal(backup(),
        b"rsync --server --sender -lr . " + paths).reason == "outside-roots"


@pytest.mark.parametrize("path", [b"/srv/data", b"/srv/data/", b"/srv/data/x/", b"/home/a/b"])
def test_takes_a_path_at_or_below_a_root_as_it_is_written(path: bytes) -> None:
    assert plan(backup(), b"rsync --server --sender -lr . " + path).argv[-1] == path


def test_takes_every_path_below_the_root_of_everything() -> None:
    rules = backup(roots=b"/")
    for path in (b"/", b"/etc/shadow"):
        assert plan(rules, b"rsync --server --sender -lr . " + path).roots == (b"/",)


def test_gives_the_narrowest_root_of_each_path() -> None:
    rules = backup(roots=b"/srv /srv/data /home")
    found = plan(rules, b"rsync --server --sender -lr . /srv/data/x /srv/y /home")
    assert found.roots == (b"/srv/data", b"/srv", b"/home")


@pytest.mark.parametrize(
    ("roots", "paths", "confined"),
    [
        (b"/srv/data", b"/srv/data/x", b"/srv/data"), (b"/srv/a /srv/b", b"/srv/a /srv/b", b"/srv"),
        (b"/srv/a /srv/b", b"/srv/b/x", b"/srv/b"), (b"/srv /home", b"/srv /home", None),
        (b"/", b"/srv", None), (b"/srv/a /srv/ab", b"/srv/a /srv/ab", b"/srv"),
    ],
)
def test_confines_a_backup_to_the_folder_that_holds_its_roots(
    roots: bytes, paths: bytes, confined: bytes | None
) -> None:
    found = plan(backup(roots=roots), b"rsync --server --sender -lr . " + paths)
    expected = () if confined is None else (b"--confine-root=" + confined,)
    assert found.injected == expected


def test_leaves_out_what_an_old_rsync_lacks() -> None:
    assert plan(backup(), BACKUP, ()).injected == ()
    assert plan(restore(), RESTORE, ()).injected == (b"--chmod=ug-s",)
    assert plan(restore(), RESTORE, (b"--drop-D",)).injected == (b"--drop-D", b"--chmod=ug-s")


@pytest.mark.parametrize(
    ("more", "injected"),
    [
        (b"Accept devices", (b"--chmod=ug-s",)), (b"Accept setuid", (b"--drop-D",)),
        (b"Accept devices setuid", ()),
        (b"Tools rsync\nMungeLinks yes", (b"--drop-D", b"--chmod=ug-s", b"--munge-links")),
        (b"MungeLinks no", (b"--drop-D", b"--chmod=ug-s")),
    ],
)
def test_protects_a_restore_unless_the_block_accepts_more(
    more: bytes, injected: tuple[bytes, ...]
) -> None:
    assert plan(restore(more), RESTORE).injected == injected


def test_puts_its_own_options_last_before_the_paths() -> None:
    command = RESTORE.replace(b" .", b" --super --partial --numeric-ids .")
    argv = plan(restore(), command).argv
    assert argv[-4:] == (b"--drop-D", b"--chmod=ug-s", b".", b"/srv/restore")


def test_checks_the_tool_before_the_right_and_the_right_before_features() -> None:
    command = b"sudo " + TAR_RESTORE
    assert refusal(backup(b"Tools rsync"), command).reason == "tool-not-allowed"
    assert refusal(backup(), command).reason == "wrong-operation"
    assert refusal(restore(), command).reason == "feature-not-accepted"
    assert refusal(restore(b"Accept sudo"), TAR_BACKUP).reason == "wrong-operation"


def test_shows_a_path_that_is_no_text_in_escapes() -> None:
    assert refusal(backup(), BACKUP + b"\xff").detail == "/srv/data\\xff is not below a root"


@pytest.mark.parametrize(
    ("command", "lines", "nice", "io"),
    [
        (b"", b"", None, None),
        (b"", b"Nice 5\nIoNice best-effort 6\n", 5, (2, 6)),
        (b"", b"Nice 0\nIoNice idle\n", 0, (3, 0)),
        (b"nice -n 12 ", b"Nice 5\n", 12, None),
        (b"nice -n 3 ", b"Nice 5\n", 5, None),
        (b"ionice -c2 -n7 ", b"IoNice best-effort 2\n", None, (2, 7)),
        (b"ionice -c2 -n7 ", b"IoNice idle\n", None, (3, 0)),
        (b"ionice -c3 ", b"IoNice best-effort 2\n", None, (3, 0)),
    ],
)
def test_runs_at_the_politer_priority_of_command_and_policy(
    command: bytes, lines: bytes, nice: int | None, io: tuple[int, int] | None
) -> None:
    found = plan(backup(b"Accept nice ionice\n" + lines), command + BACKUP)
    assert found.nice == nice
    assert (found.io and found.io[0]) == (io and io[0])
    if io and io[0] == 2:
        assert found.io == io
