"""What `check` says of a client in order, and of a policy that doesn't fit its machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bpc_ssh_guard.guardctl.check import Finding
from tests import command_log

from . import scenes


def test_has_nothing_but_versions_to_note(checked):
    assert checked.complaints() == []
    notes = checked.notes()
    assert [note.split(" is ")[0] for note in notes[:2]] == [
        "note: /usr/bin/rsync:", "note: /usr/bin/tar:",
    ]
    # Without root the kernel can do less, and check says so.
    assert len(notes) == (2 if os.geteuid() == 0 else 3)


def test_changes_nothing(checked):
    def state():
        return {
            path: (os.lstat(path).st_mtime_ns, os.lstat(path).st_mode)
            for folder, _, names in os.walk(checked.root)
            for path in (folder, *(f"{folder}/{name}" for name in names))
        }

    before = state()
    checked.findings()
    assert state() == before


def test_a_finding_says_place_fault_and_advice_and_no_byte_that_steers_a_terminal():
    finding = Finding("error", "/p:3", "is \x1b[2J bad", "mend it")
    assert str(finding) == r"error: /p:3: is \x1b[2J bad; mend it"
    assert finding.as_json() == {
        "severity": "error", "place": "/p:3", "message": "is \x1b[2J bad", "advice": "mend it",
    }


def test_tells_the_line_of_a_fault_in_the_policy_and_goes_on_to_the_keys(checked):
    checked.write_policy("Key web1-backup\n    Bakcup /srv\n")
    checked.write_keys(*checked.good, b"nonsense")
    assert checked.complaints() == [
        'error: /etc/policy:2: unknown keyword "Bakcup"; did you mean "Backup"?',
        ("warning: /home/.ssh/authorized_keys:4: sshd passes over the line: it finds no whole key"
        " there; mend it or take it out; see sshd(8)"),
    ]


def test_warns_of_a_missing_root(checked):
    os.rmdir(f"{checked.root}/data")
    assert checked.complaints() == [
        f"warning: /etc/policy:{line}: Backup /data of Key {label}: No such file or directory;"
        " create the folder, or take it out of the block"
        for line, label in ((2, "web1-backup"), (8, "db-backup"))
    ]


def test_refuses_a_root_that_is_no_folder(checked):
    os.rmdir(f"{checked.root}/restored")
    with open(f"{checked.root}/restored", "wb"):
        pass
    assert checked.complaints() == [
        ("error: /etc/policy:5: Restore /restored of Key web1-restore is no folder;"
        " name the folder it lies in")
    ]


def test_warns_of_a_restore_root_where_others_can_put_links(checked):
    os.chmod(f"{checked.root}/restored", 0o777)
    [complaint] = checked.complaints()
    assert "others can change /restored, and a restore follows the symbolic links" in complaint


def test_warns_of_a_restore_root_behind_a_link(checked):
    os.rmdir(f"{checked.root}/restored")
    os.mkdir(f"{checked.root}/elsewhere", 0o700)
    os.symlink("elsewhere", f"{checked.root}/restored")
    assert checked.complaints() == [
        ("warning: /etc/policy:5: Restore /restored of Key web1-restore leads to /elsewhere;"
        " name /elsewhere itself")
    ]


def test_refuses_a_log_that_others_can_write(checked):
    os.chmod(f"{checked.root}/log", 0o770)
    [complaint] = checked.complaints()
    assert complaint.startswith("error: /log: writable by others")


def test_refuses_a_log_that_the_guard_cannot_make(checked):
    checked.write_policy(scenes.POLICY.format(root=checked.root).replace("/log", "/var/log"))
    assert checked.complaints() == [
        ("error: /var: No such file or directory, so no command is recorded and none runs;"
        " create the folder above /var/log")
    ]


def test_tells_how_to_begin_a_log_that_is_not_there(checked):
    shutil.rmtree(f"{checked.root}/log")
    assert checked.complaints() == [
        "error: /log: there is no log yet, so no command runs; bpc-ssh-guardctl log init begins it"
    ]
    assert not os.path.exists(f"{checked.root}/log")


def test_tells_how_to_begin_a_log_whose_state_is_missing(checked):
    os.unlink(f"{checked.root}/log/state/state")
    assert checked.complaints() == [
        "error: /log/state/state: is missing; bpc-ssh-guardctl log init begins a log"
    ]


def test_refuses_a_log_file_that_is_a_link(checked):
    segment = command_log.first_segment(f"{checked.root}/log")
    os.unlink(segment)
    os.symlink("/dev/null", segment)
    assert checked.complaints() == [
        (f"error: /log/{os.path.basename(segment)}: too many levels of symbolic links; put a"
        " regular file there, no symbolic link")
    ]


def with_program(checked, setting, text, mode=0o755):
    """Let the policy's SETTING, Rsync or Tar, name a script with TEXT; return its path."""
    path = f"{checked.root}/{setting.lower()}"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\n{text}\n")
    os.chmod(path, mode)
    policy = scenes.POLICY.format(root=checked.root)
    checked.write_policy(f"{setting} {path}\n{policy}")
    return path


def test_names_the_protections_that_an_old_rsync_lacks(checked):
    with_program(checked, "Rsync", "echo 'rsync  version 3.2.7  protocol version 31'")
    assert checked.complaints() == [
        ("warning: /rsync: lacks --confine-root and --drop-D, so what the server sends within the"
        " protocol is checked less; install rsync 3.5.0 or later")
    ]
    assert "note: /rsync: is rsync 3.2.7" in checked.notes()


def test_refuses_another_tar_than_gnu_tar(checked):
    with_program(checked, "Tar", "echo 'bsdtar 3.6.2 - libarchive 3.6.2'")
    assert checked.complaints() == [
        "error: /tar: does not say that it is GNU tar; name GNU tar in the policy (Tar /path)"
    ]


def test_never_runs_a_program_that_others_can_change(checked):
    path = with_program(checked, "Tar", f"touch {checked.root}/ran", mode=0o777)
    [complaint] = checked.complaints()
    assert complaint.startswith("error: /tar: writable by others")
    assert not os.path.exists(f"{checked.root}/ran")
    os.chmod(path, 0o755)
    checked.findings()
    assert os.path.exists(f"{checked.root}/ran")


def test_refuses_a_missing_program_that_a_block_uses(checked):
    path = with_program(checked, "Tar", "")
    os.unlink(path)
    assert checked.complaints() == [
        ("error: /tar: is no program, so no tar command runs; install tar, name its place in the"
        " policy (Tar /tar), or leave it out of Tools")
    ]


def test_a_program_that_no_block_uses_may_be_missing(checked):
    os.unlink(with_program(checked, "Tar", ""))
    with open(checked.policy_path, encoding="utf-8") as file:
        policy = file.read()
    checked.write_policy(policy.replace("    Backup ", "    Tools rsync\n    Backup ").replace(
        "    Restore", "    Tools rsync\n    Restore"))
    assert checked.complaints() == []


@pytest.mark.lab
def test_refuses_a_popt_file_that_mentions_rsync(checked):
    script = (
        "import sys; from bpc_ssh_guard.guardctl.check import check;"
        "print(*check(sys.argv[1], []), sep='\\n')"
    )
    # An /etc of its own, which nobody else sees.
    own_etc = (
        "mount -t tmpfs none /etc && echo root:x:0:0::/root:/bin/sh > /etc/passwd &&"
        " echo 'rsync exec --server /bin/sh' > /etc/popt && exec \"$@\""
    )
    account = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", "--mount", *account, "sh", "-c", own_etc, "sh", sys.executable, "-c", script,
         checked.policy_path],
        cwd=scenes.CHECKOUT, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert ("error: /etc/popt: mentions rsync or can't be read, so every rsync command is refused;"
            " take the lines out or move the file away") in done.stdout.splitlines()
