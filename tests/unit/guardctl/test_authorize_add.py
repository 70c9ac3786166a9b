"""Lines added to authorized_keys, without harm to any other line, and never to an unsafe file."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from bpc_ssh_guard.guardctl.authorize import AuthorizeError, authorize

from . import scenes

FOREIGN = b"ssh-rsa AAAA odd  spacing\t# and \xff bytes \r"
KEY, OTHER, THIRD = (scenes.public_key(number) for number in (1, 2, 3))


def names_in(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.endswith(".lock"))


def test_adds_the_line_below_the_others_and_leaves_them_byte_for_byte(client):
    before = client.write_keys(FOREIGN, b"", b"# comment", scenes.words(OTHER))
    result = client.add("web1-backup", KEY)
    assert client.read_keys() == before + client.compose("web1-backup", KEY) + b"\n"
    assert (result.number, result.changed) == (5, True)
    mark = client.mark("web1-backup", KEY).decode()
    assert result.shown == f"{client.keys_file}:5: added {mark}"


def test_ssh_keygen_finds_the_added_key(client):
    client.write_keys(scenes.words(OTHER))
    client.add("web1-backup", KEY)
    listed = subprocess.run(
        ["ssh-keygen", "-lf", client.keys_file], capture_output=True, text=True, timeout=60
    )
    assert [line.split()[1] for line in listed.stdout.splitlines()] == [
        OTHER.fingerprint, KEY.fingerprint,
    ]


def test_ends_a_last_line_without_lf_first(client):
    client.write_keys_exactly(scenes.words(OTHER))
    assert client.add("db-backup", KEY).number == 2
    assert client.read_keys().startswith(scenes.words(OTHER) + b"\nrestrict,")


def test_makes_a_new_file_that_only_its_owner_reads(client):
    client.add("web1-backup", KEY)
    status = os.stat(client.keys_file)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_uid == os.stat(client.folder).st_uid


def test_keeps_the_mode_and_leaves_nothing_beside_the_file(client):
    client.write_keys(FOREIGN, mode=0o640)
    client.add("web1-backup", KEY)
    assert stat.S_IMODE(os.stat(client.keys_file).st_mode) == 0o640
    assert names_in(client.folder) == ["authorized_keys"]


def test_keeps_further_permissions(client):
    client.write_keys(FOREIGN, mode=0o600)
    subprocess.run(["setfacl", "-m", "u:1:r", client.keys_file], check=True, timeout=60)
    client.add("web1-backup", KEY)
    listed = subprocess.run(
        ["getfacl", "-cn", client.keys_file], capture_output=True, text=True, timeout=60
    )
    assert "user:1:r--" in listed.stdout.splitlines()
    assert "group::---" in listed.stdout.splitlines()


def test_says_so_when_the_key_is_there_already(client):
    client.write_keys(FOREIGN)
    client.add("web1-backup", KEY)
    before = client.read_keys(), os.stat(client.keys_file).st_ino
    result = client.add("web1-backup", KEY)
    assert (client.read_keys(), os.stat(client.keys_file).st_ino) == before
    assert not result.changed
    assert result.shown == f"{client.keys_file}:2: the key is there already; nothing is to do"


def test_a_second_key_of_a_label_gets_the_next_generation(client):
    client.add("web1-backup", KEY)
    client.add("db-backup", THIRD)
    client.add("web1-backup", OTHER)
    assert client.read_keys().endswith(client.mark("web1-backup", OTHER, 2) + b"\n")


def test_generations_go_on_where_the_old_line_is_gone(client):
    for key in (KEY, OTHER):
        client.add("web1-backup", key)
    client.write_keys(client.read_keys().splitlines()[1])
    client.add("web1-backup", THIRD)
    assert client.read_keys().endswith(client.mark("web1-backup", THIRD, 3) + b"\n")


def test_refuses_a_third_key_of_a_label(client):
    for key in (KEY, OTHER):
        client.add("web1-backup", key)
    before = client.read_keys()
    with pytest.raises(AuthorizeError, match=r"web1-backup has 2 keys already \(lines 1 and 2\);"):
        client.add("web1-backup", THIRD)
    assert client.read_keys() == before


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (scenes.words(KEY), "2: this key has a free login"),
        (b'from="10.0.0.1" ' + scenes.words(KEY), "2: this key has a free login"),
        (b'command="/bin/x" ' + scenes.words(KEY), "2: this key has another forced command"),
        (b"cert-authority " + scenes.words(KEY), "2: whoever has this key can sign himself"),
        (b"shell " + scenes.words(KEY), "2: this key has a line that sshd passes over"),
    ],
)
def test_refuses_a_key_that_another_line_has_too(client, line, complaint):
    before = client.write_keys(FOREIGN, line)
    with pytest.raises(AuthorizeError) as refusal:
        client.add("web1-backup", KEY)
    assert f"{client.keys_file}:{complaint}" in str(refusal.value)
    assert str(refusal.value).endswith("; take the line out and run this again")
    assert client.read_keys() == before
    assert names_in(client.folder) == ["authorized_keys"]


def test_refuses_a_key_that_has_another_label(client):
    client.add("web1-backup", KEY)
    with pytest.raises(AuthorizeError, match="1: this key has the label web1-backup, and a key has"
                                             " one right; make another key for db-backup"):
        client.add("db-backup", KEY)


def test_refuses_a_line_of_the_label_that_an_older_policy_made(client):
    client.add("db-backup", KEY)
    client.write_policy(f"Key db-backup\n Backup {client.root}/data\n From 192.0.2.9\n")
    with pytest.raises(AuthorizeError, match="1: this key has another line for db-backup; take"):
        client.add("db-backup", KEY)


def test_refuses_a_key_whose_line_is_still_staged(client):
    before = client.write_keys(client.compose("db-backup", KEY) + b":staged")
    with pytest.raises(AuthorizeError, match="1: this key has another line for db-backup; take"):
        client.add("db-backup", KEY)
    assert client.read_keys() == before


def test_a_dry_run_shows_the_change_and_makes_none(client):
    before = client.write_keys(FOREIGN, scenes.words(OTHER))
    result = client.add("web1-backup", KEY, dry_run=True)
    assert client.read_keys() == before
    assert os.listdir(client.folder) == ["authorized_keys"]
    line = client.compose("web1-backup", KEY).decode()
    assert result.shown.splitlines()[2:] == [
        "@@ -2 +2,2 @@", " " + scenes.words(OTHER).decode(), "+" + line,
    ]


def test_a_dry_run_shows_no_byte_that_steers_a_terminal(client):
    client.write_keys(b"# \x1b[2J\x07 \xc2\x9b \xff")
    shown = client.add("web1-backup", KEY, dry_run=True).shown
    assert r"# \x1b[2J\x07 \x9b \xff" in shown
    assert all(each.isprintable() or each == "\n" for each in shown)


# Unsafe places


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_refuses_a_file_that_others_can_write(client, mode):
    before = client.write_keys(FOREIGN, mode=mode)
    with pytest.raises(AuthorizeError, match=rf"writable by group or others \(mode 0{mode:o}\)"):
        client.add("web1-backup", KEY)
    assert client.read_keys() == before


def test_refuses_a_symbolic_link(client):
    with open(f"{client.root}/target", "wb") as file:
        file.write(FOREIGN)
    os.symlink(f"{client.root}/target", client.keys_file)
    with pytest.raises(AuthorizeError, match="put the file itself there, no symbolic link"):
        client.add("web1-backup", KEY)
    assert os.readlink(client.keys_file) == f"{client.root}/target"
    assert client.read_keys() == FOREIGN


def test_refuses_a_folder_that_is_a_symbolic_link(client):
    os.symlink(client.folder, f"{client.root}/link")
    with pytest.raises(AuthorizeError, match="name a folder that is no symbolic link"):
        authorize(client.policy, "web1-backup", KEY, path=f"{client.root}/link/authorized_keys")
    assert os.listdir(client.folder) == []


@pytest.mark.parametrize("place", ["home", "home/.ssh"])
def test_refuses_a_folder_that_others_can_write(client, place):
    os.chmod(f"{client.root}/{place}", 0o770)
    with pytest.raises(AuthorizeError, match=rf"{place}: writable by others"):
        client.add("web1-backup", KEY)
    assert os.listdir(client.folder) == []


def test_refuses_a_fifo_without_waiting_for_its_writer(client):
    os.mkfifo(client.keys_file, 0o600)
    with pytest.raises(AuthorizeError, match="is no regular file; move it away"):
        client.add("web1-backup", KEY)


def test_refuses_a_folder_that_does_not_exist(client):
    with pytest.raises(AuthorizeError, match="make the folder first, with mode 0700"):
        authorize(client.policy, "web1-backup", KEY, path=f"{client.root}/none/authorized_keys")


def test_never_follows_a_link_that_waits_in_the_new_files_place(client):
    client.write_keys(FOREIGN)
    victim = f"{client.root}/victim"
    with open(victim, "wb") as file:
        file.write(b"mine")
    os.symlink(victim, f"{client.folder}/.authorized_keys.bpc-ssh-guard.new")
    client.add("web1-backup", KEY)
    with open(victim, "rb") as file:
        assert file.read() == b"mine"
    assert stat.S_ISREG(os.lstat(client.keys_file).st_mode)


def test_refuses_a_lock_that_is_a_link(client):
    client.write_keys(FOREIGN)
    os.symlink(f"{client.root}/victim", f"{client.folder}/.authorized_keys.bpc-ssh-guard.lock")
    with pytest.raises(AuthorizeError, match="it can't be locked"):
        client.add("web1-backup", KEY)
    assert not os.path.exists(f"{client.root}/victim")
