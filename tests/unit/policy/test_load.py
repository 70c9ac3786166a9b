"""The policy as objects: settings, blocks, defaults, and every error with its line."""

from __future__ import annotations

import hashlib

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Block, Policy
from bpc_ssh_guard.vocabulary import FEATURES

PATH = b"/etc/bpc-ssh-guard/policy"
ONE_RIGHT = "a key has exactly one right of Backup, Restore, Rotate, Audit"
BITS_BEHIND = "has bits set behind its prefix length; write ADDRESS or ADDRESS/BITS"
MUNGE_TAR = "MungeLinks yes in a block for tar; it has no effect on tar: say Tools rsync"
RESTORE = b"Key web1\n    Restore /srv/restore\n    Window always\n"


def policy(text: bytes) -> Policy:
    return parse(text, PATH)


def block(body: bytes) -> Block:
    """Return the block that BODY, the lines below its Key, writes."""
    return policy(b"Key web1\n" + body).blocks[b"web1"]


def complaint(text: bytes) -> str:
    with pytest.raises(GuardFailure) as caught:
        policy(text)
    assert caught.value.reason == "bad-policy"
    place, _, said = caught.value.detail.partition(": ")
    assert place.startswith("/etc/bpc-ssh-guard/policy:")
    return f"{place.rpartition(':')[2]}: {said}"


def test_an_empty_file_has_defaults_and_no_block() -> None:
    found = policy(b"")
    assert (found.log, found.rsync, found.tar) == (
        b"/var/log/bpc-ssh-guard", b"/usr/bin/rsync", b"/usr/bin/tar",
    )  # fmt: skip
    assert found.blocks == {}


def test_reads_the_settings() -> None:
    found = policy(b"Log /l\nConfine off\nRsync /opt/rsync\nTar /opt/tar\n")
    assert (found.log, found.confine, found.path) == (b"/l", "off", PATH)
    assert found.executable("rsync") == b"/opt/rsync"
    assert found.executable("tar") == b"/opt/tar"


def test_knows_its_own_digest() -> None:
    assert policy(RESTORE).sha256 == hashlib.sha256(RESTORE).hexdigest()


def test_a_backup_block_has_defaults() -> None:
    found = block(b"Backup /srv /home")
    assert (found.label, found.line, found.operation) == (b"web1", 1, "backup")
    assert found.roots == (b"/srv", b"/home")
    assert found.tools == ("rsync", "tar")
    assert (found.accept, found.networks, found.delete, found.munge_links) == (
        frozenset(), (), True, False,
    )  # fmt: skip


def test_reads_a_whole_backup_block() -> None:
    found = block(b"Backup /\nTools tar\nAccept acls xattrs nice\nFrom 192.0.2.7 2001:db8::/32\n")
    assert found.roots == (b"/",)
    assert found.tools == ("tar",)
    assert found.accept == {"acls", "xattrs", "nice"}
    assert [network.text for network in found.networks] == ["192.0.2.7", "2001:db8::/32"]


def test_reads_a_whole_restore_block() -> None:
    found = block(
        b"Restore /srv/restore\nWindow always\nDelete no\nTools rsync\nMungeLinks yes\n"
        b"Accept setuid"
    )
    assert (found.operation, found.delete, found.munge_links) == ("restore", False, True)
    assert found.accept == {"setuid"}


def test_reads_many_blocks_each_with_its_line() -> None:
    found = policy(b"Key a\n    Backup /x\n\nKey b-2\n    Backup /y\n")
    assert {label: each.line for label, each in found.blocks.items()} == {b"a": 1, b"b-2": 4}
    assert found.blocks[b"b-2"].roots == (b"/y",)


@pytest.mark.parametrize("feature", FEATURES)
def test_takes_every_feature(feature: str) -> None:
    assert block(b"Backup /srv\nAccept " + feature.encode()).accept == {feature}


def test_takes_a_trailing_slash_off_a_root() -> None:
    assert block(b'Backup /srv/ "/My Data/"').roots == (b"/srv", b"/My Data")


@pytest.mark.parametrize("label", [b"a", b"web1-backup", b"a" * 32, b"z9-"])
def test_takes_a_key_label(label: bytes) -> None:
    assert list(policy(b"Key " + label + b"\nBackup /a").blocks) == [label]


@pytest.mark.parametrize(
    "label",
    [b"A", b"1a", b"-a", b"a" * 33, b"a_b", b"a.b", b"a/b", b"\xc3\xa9", b'""', b'"a b"', b"aB",
    b"a!"],
)
def test_refuses_what_is_no_key_label(label: bytes) -> None:
    assert complaint(b"\nKey " + label + b"\nBackup /a") == (
        "2: a key label is a small letter, then up to 31 small letters, digits or dashes"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"Key a\nBackup /a\nKey a\nBackup /b", "3: Key a has a block already; keep one of them"),
        (b"Key\n", "1: Key takes one argument, not 0"),
        (b"Key a b\n", "1: Key takes one argument, not 2"),
        (b"Log /a\nLog /b", "2: Log stands in line 1 already; keep one"),
        (b"Log /a\nLog /a", "2: Log stands in line 1 already; keep one"),
        (b"Key a\nBackup /a\nBackup /b", "3: Backup stands in line 2 already; keep one"),
        (b"Key a\nBackup /a\nTools tar\n\nTools tar",
        "5: Tools stands in line 3 already; keep one"),
        (b"Key a\nBackup /a\nLog /b", "3: Log stands in a block; put it above Key"),
        (b"Key a\nBackup /a\nConfine off", "3: Confine stands in a block; put it above Key"),
        (b"Key a\nRsync /x", "2: Rsync stands in a block; put it above Key"),
        (b"Key a\nTar /x", "2: Tar stands in a block; put it above Key"),
        (b"Backup /a", "1: Backup stands outside a block; put it below a Key line"),
        (b"Log /a\nFrom 192.0.2.7", "2: From stands outside a block; put it below a Key line"),
        (b"Log", "1: Log takes one argument, not 0"),
        (b"Log /a /b", "1: Log takes one argument, not 2"),
        (b"Confine", "1: Confine takes one argument, not 0"),
        (b"Confine no", '1: Confine knows no "no"; it takes strict, best-effort, off'),
        (b"Confine off off", "1: Confine takes one argument, not 2"),
        (b"Key a\n\nKey b\nBackup /b", f"1: Key a has no right; {ONE_RIGHT}"),
        (b"Key a\nTools tar", f"1: Key a has no right; {ONE_RIGHT}"),
        (b"Key a\nBackup /a\nRestore /b\nWindow always",
        f"1: Key a has Backup and Restore; {ONE_RIGHT}"),
        (b"Key a\nBackup", "2: Backup names no path; add one or more"),
        (b"Key a\nRestore\nWindow always", "2: Restore names no path; add one or more"),
        (b"Key a\nBackup /a\nDelete yes", "3: Delete belongs to a block with Restore"),
        (b"Key a\nBackup /a\nWindow always", "3: Window belongs to a block with Restore"),
        (b"Key a\nBackup /a\nMungeLinks yes", "3: MungeLinks belongs to a block with Restore"),
        (b"Key a\nBackup /a\nTools", "3: Tools names nothing; add a word or take the line out"),
        (b"Key a\nBackup /a\nTools scp", '3: Tools knows no "scp"; it takes rsync, tar'),
        (b"Key a\nBackup /a\nTools tar tar", "3: Tools names a word twice; keep one of them"),
        (b"Key a\nBackup /a\nAccept", "3: Accept names nothing; add a word or take the line out"),
        (b"Key a\nBackup /a\nAccept acls acls", "3: Accept names a word twice; keep one of them"),
        (b"Key a\nBackup /a\nFrom", "3: From names no address; add one or take the line out"),
        (b"Key a\nBackup /a\nFrom host", "3: host is no address; write ADDRESS or ADDRESS/BITS"),
        (b"Key a\nBackup /a\nFrom 192.0.2.7/24", f"3: 192.0.2.7/24 {BITS_BEHIND}"),
        (RESTORE + b"Delete", "4: Delete takes one argument, not 0"),
        (RESTORE + b"Delete maybe", '4: Delete knows no "maybe"; it takes yes, no'),
        (RESTORE + b"Delete yes no", "4: Delete takes one argument, not 2"),
        (RESTORE + b"Tools rsync\nMungeLinks 1", '5: MungeLinks knows no "1"; it takes yes, no'),
        (RESTORE + b"MungeLinks yes",
        f"4: {MUNGE_TAR}"),
        (b"Key a\nRestore /srv/r\nWindow", "3: Window takes one argument, not 0"),
        (b"Key a\nRestore /srv/r\nWindow open",
        '3: Window knows no "open"; it takes granted, always'),
        (b"Key a\nRestore /srv/r\nWindow always always", "3: Window takes one argument, not 2"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_in_which_line(text: bytes, said: str) -> None:
    assert complaint(text) == said


def test_names_the_features_that_accept_knows() -> None:
    assert complaint(b"Key a\nBackup /a\nAccept sudoo") == (
        f'3: Accept knows no "sudoo"; it takes {", ".join(FEATURES)}'
    )


@pytest.mark.parametrize("keyword", [b"Log", b"Rsync", b"Tar"])
@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (b"rsync", "the path is relative"), (b'""', "the path is relative"),
        (b"/usr/../bin/x", "the path has an empty, . or .. component"),
        (b"//x", "the path has an empty, . or .. component"),
        (b"/\xc2\x9bx", "the path holds a control character"),
        (b"/" + b"a" * 256, "a component of the path has more than 255 bytes"),
    ],
)  # fmt: skip
def test_wants_well_formed_paths_in_settings(keyword: bytes, path: bytes, fault: str) -> None:
    shown = path.decode().strip('"')
    assert complaint(keyword + b" " + path) == (
        f"1: {shown}: {fault}; write it from / on, without empty, . and .. components"
    )


@pytest.mark.parametrize("path", [b"srv", b"~", b"/a/../b", b"/a//b", b"/./a", b'""', b"/a/.."])
def test_wants_well_formed_roots(path: bytes) -> None:
    assert complaint(b"Key a\nBackup /ok " + path).endswith(
        "write it from / on, without empty, . and .. components"
    )


@pytest.mark.parametrize(
    ("root", "place"),
    [
        (b"/", "/etc"), (b"/etc", "/etc"), (b"/etc/cron.d", "/etc"), (b"/root", "/root"),
        (b"/usr/local", "/usr"), (b"/home", None), (b"/home/someone", None), (b"/var", None),
        (b"/var/log/bpc-ssh-guard", "/var/log/bpc-ssh-guard"), (b"/var/spool", "/var/spool/cron"),
        (b"/boot/x", "/boot"), (b"/dev/shm", "/dev"), (b"/proc", "/proc"), (b"/run/user", "/run"),
    ],
)  # fmt: skip
def test_refuses_a_restore_root_that_gives_the_machine_away(root: bytes, place: str | None) -> None:
    said = complaint(b"Key a\nRestore " + root + b"\nWindow always")
    assert said.startswith(f"2: Restore {root.decode()} would write over {place or '/'}")
    assert said.endswith("; choose a folder of its own, or say Accept whole-system")


@pytest.mark.parametrize("root", [b"/", b"/etc", b"/home"])
def test_takes_such_a_root_with_accept_whole_system(root: bytes) -> None:
    body = b"Restore " + root + b"\nWindow always\nAccept whole-system"
    assert block(body).roots == (root,)


@pytest.mark.parametrize("root", [b"/", b"/etc", b"/home", b"/root"])
def test_takes_such_a_root_for_a_backup(root: bytes) -> None:
    assert block(b"Backup " + root).roots == (root,)


@pytest.mark.parametrize("setting", [b"Log", b"Rsync", b"Tar"])
def test_refuses_a_restore_root_around_what_the_policy_names(setting: bytes) -> None:
    text = setting + b" /opt/guard/x\nKey a\nRestore /opt/guard\nWindow always"
    assert "would write over /opt/guard/x" in complaint(text)


def test_refuses_a_restore_root_around_the_policy_itself() -> None:
    with pytest.raises(GuardFailure, match="would write over /opt/guard/policy"):
        parse(b"Key a\nRestore /opt/guard\nWindow always", b"/opt/guard/policy")


def test_knows_who_is_wrong_when_two_blocks_are() -> None:
    assert complaint(b"Key a\nBackup /a\nKey b\nBackup x").startswith("4: ")


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        policy(b"").extra = 1  # type: ignore[attr-defined]  # the point
    with pytest.raises(AttributeError):
        block(b"Backup /a").extra = 1  # type: ignore[attr-defined]  # the point
