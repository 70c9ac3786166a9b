"""What `check` says of the lines of authorized_keys."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.guardctl.check import check

from . import scenes

KEY = scenes.public_key(1)
THIRD = scenes.public_key(3)
FOREIGN = scenes.public_key(4)
WORDS = scenes.words(KEY)


def line_complaints(checked, *lines: bytes) -> list[str]:
    """Return what is said of the keys file with LINES in the place of the good ones."""
    checked.write_keys(*lines)
    place = "/home/.ssh/authorized_keys:"
    return [each.replace(place, "") for each in checked.complaints()]


def changed(checked, old: bytes, new: bytes) -> list[bytes]:
    """Return the good lines, the first with NEW for OLD."""
    first = checked.good[0]
    assert old in first
    return [first.replace(old, new, 1), *checked.good[1:]]


COMPOSE = "have the line composed by bpc-ssh-guardctl authorize"


@pytest.mark.parametrize(
    ("old", "new", "complaints"),
    [
        (b"restrict,", b"", [
            ("error: 1: restrict is missing, so the key may forward ports and more;"
            " put restrict before command=")]),
        (b"restrict,", b"restrict,PTY,", [
            "error: 1: pty gives back what restrict takes away; take it out"]),
        (b"restrict,", b"pty,restrict,", []),
        (b"restrict,", b'restrict,environment="A=b",', [
            "warning: 1: environment= may change what runs before the guard; take it out"]),
        (b"restrict,", b"restrict,cert-authority,", [
            "error: 1: cert-authority lets the key sign others, not log in; take it out"]),
        (b"restrict,", b"restrict,shell,", [
            f"error: 1: sshd passes over the line: unknown option 'shell'; {COMPOSE}"]),
        (b" ssh-ed25519 AAAA", b" ssh-ed25519 AAA", [
            f"error: 1: sshd passes over the line: it finds no whole key there; {COMPOSE}"]),
        (b'from="192.0.2.7,2001:db8::/32"', b'from="2001:DB8:0::/32,192.0.2.7/32"', []),
        (b'from="192.0.2.7,', b'from="', [
            ("warning: 1: from= differs from From of Key web1-backup at /etc/policy:2;"
            " take the line out and have it composed anew")]),
        (b',from="192.0.2.7,2001:db8::/32"', b"", [
            ("warning: 1: from= differs from From of Key web1-backup at /etc/policy:2;"
            " take the line out and have it composed anew")]),
        (b" bpc-ssh-guard:web1-backup:", b" bpc-ssh-guard:web2-backup:", [
            f"warning: 1: its comment names another label or KEYID than its command; {COMPOSE}"]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_tells_what_a_changed_line_means(checked, old, new, complaints):
    assert line_complaints(checked, *changed(checked, old, new)) == complaints


@pytest.mark.parametrize(
    "command",
    [b"/usr/bin/python3 -m bpc_ssh_guard guard web1-backup " + KEY.key_id.encode(),
     b"/usr/sbin/bpc-ssh-guard web1-backup",
     b"/usr/sbin/bpc-ssh-guard web1-backup " + KEY.key_id.encode() + b"; id",
     b"bpc-ssh-guard web1-backup " + KEY.key_id.encode()],
)
def test_refuses_a_forced_command_of_another_form(checked, command):
    line = b'restrict,command="' + command + b'" ' + WORDS
    assert line_complaints(checked, line, *checked.good[1:]) == [
        ("error: 1: its forced command is not PROGRAM [--policy FILE] LABEL KEYID of the guard;"
        f" {COMPOSE}")
    ]


def test_refuses_a_managed_line_that_lost_its_command(checked):
    line = b"restrict " + WORDS + b" " + checked.mark("web1-backup", KEY)
    assert line_complaints(checked, line, *checked.good[1:]) == [
        f"error: 1: its comment is the guard's, but it has no forced command; {COMPOSE}"
    ]


def test_refuses_a_keyid_of_another_key(checked):
    line = checked.good[2].replace(scenes.words(THIRD), WORDS)
    assert line_complaints(checked, *checked.good[1:2], line) == [
        f"error: 2: KEYID {THIRD.key_id} is not that of the key, {KEY.key_id}; {COMPOSE}"
    ]


def test_refuses_a_label_that_the_policy_lacks(checked):
    line = checked.managed(FOREIGN, label=b"old-backup")
    assert line_complaints(checked, *checked.good, line) == [
        ("error: 4: /etc/policy has no Key old-backup, so every command is refused;"
        " add the block, or take the line out")
    ]


def test_notes_a_line_with_another_policy_and_holds_it_to_no_block_of_this_one(checked):
    checked.write_keys(*checked.good, checked.managed(FOREIGN, label=b"x", policy=b"/srv/other"))
    assert checked.complaints() == []
    assert ("note: /home/.ssh/authorized_keys:4: the line has the policy /srv/other, not"
            " /etc/policy; check --policy /srv/other tells of it") in checked.notes()


def test_notes_a_line_written_by_hand_or_changed(checked):
    by_hand = checked.good[0].replace(checked.mark("web1-backup", KEY), b"backuppc@server")
    checked.write_keys(by_hand, checked.good[1].replace(b"restrict,", b"restrict,no-pty,"))
    assert checked.complaints() == []
    place = "note: /home/.ssh/authorized_keys:"
    assert f"{place}1: the line was not written by authorize, so it has no generation; {COMPOSE}" \
        in checked.notes()
    assert f"{place}2: the line was changed after authorize wrote it; {COMPOSE}" in checked.notes()


def test_notes_labels_without_a_key(checked):
    checked.write_keys(checked.good[1])
    assert [note for note in checked.notes() if "label" in note] == [
        f"note: /etc/policy:{line}: no key has the label {label} yet;"
        f" bpc-ssh-guardctl authorize {label} PUBLIC-KEY --add FILE"
        for line, label in ((2, "web1-backup"), (8, "db-backup"))
    ]


def test_warns_of_a_third_key_of_a_label(checked):
    more = [checked.managed(scenes.public_key(n), generation=n) for n in (7, 8)]
    assert line_complaints(checked, *checked.good, *more) == [
        "warning: 5: db-backup has more than 2 keys; take out those no longer used"
    ]


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (WORDS, "a free login"),
        (b'from="10.0.0.1" ' + WORDS + b" admin", "a free login"),
        (b'cert-authority,command="/bin/x" ' + WORDS, "a free login"),
        (b'command="/bin/x" ' + WORDS, "another command"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_refuses_another_line_for_the_guards_key(checked, line, right, first):
    lines = [line, *checked.good] if first else [*checked.good, line]
    own, other = (2, 1) if first else (1, 4)
    assert line_complaints(checked, *lines) == [
        (f"error: {other}: gives the key of the guard's line {own} {right}; sshd takes the first"
        " whose from= matches; take this line out, or make another key")
    ]


def test_refuses_a_second_label_for_a_key(checked):
    assert line_complaints(checked, *checked.good, checked.managed(KEY)) == [
        ("error: 4: gives the key of the guard's line 1 another label; sshd takes the first whose"
        " from= matches; take this line out, or make another key")
    ]


def test_warns_of_a_line_that_is_there_twice(checked):
    assert line_complaints(checked, *checked.good, checked.good[0]) == [
        "warning: 4: has the key and the command of 1 again; keep one of the lines"
    ]


def test_warns_of_a_foreign_key_that_is_there_twice(checked):
    words = scenes.words(FOREIGN)
    assert line_complaints(checked, *checked.good, words, b"no-pty " + words) == [
        ("warning: 5: has the key of 4 again; sshd takes the first whose from= matches;"
        " keep one of the lines")
    ]


def test_finds_the_same_key_in_two_files(checked):
    second = checked.keys_file + "2"
    with open(second, "wb") as file:
        file.write(WORDS + b"\n")
    found = check(checked.policy_path, [checked.keys_file, second], account=checked.account)
    [error] = [each for each in found if each.severity == "error"]
    assert error.place == f"{second}:1"
    first = f"gives the key of the guard's line {checked.keys_file}:1 a free login"
    assert error.message.startswith(first)


def test_notes_which_other_keys_may_run_anything(checked):
    checked.write_keys(*checked.good, scenes.words(FOREIGN),
                      b'command="/bin/x" ' + scenes.words(scenes.public_key(9)),
                      b"cert-authority " + scenes.words(scenes.public_key(8)))
    assert checked.complaints() == []
    assert checked.notes()[-1] == (
        "note: /home/.ssh/authorized_keys: lines 4, 6: their keys may run anything;"
        " see that the backup server has none of them"
    )
