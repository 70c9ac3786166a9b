"""What `check` says of the account: modes, login shell, and sshd's settings."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpc_ssh_guard.guardctl.check import check
from bpc_ssh_guard.guardctl.checks.account import Account, keys_files


@pytest.mark.parametrize(
    ("place", "mode", "complaint"),
    [
        ("home/.ssh/authorized_keys", 0o666, "error: {}: is writable by everybody, so sshd takes"),
        ("home/.ssh/authorized_keys", 0o660, "warning: {}: is writable by its group; most sshd's"),
        ("home/.ssh", 0o777, "error: {}: is writable by everybody, so sshd takes no key of root"),
        ("home", 0o770, "warning: {}: is writable by its group; most sshd's then take no key"),
    ],
)
def test_tells_the_modes_that_sshd_minds(checked, place, mode, complaint):
    os.chmod(f"{checked.root}/{place}", mode)
    assert [each for each in checked.complaints() if each.startswith(complaint.format(f"/{place}"))]


def test_advises_no_change_of_a_folder_that_everybody_shares(checked):
    os.chmod(checked.home, 0o1777)
    assert ("error: /home: is writable by everybody, so sshd takes no key of root;"
            " keep the keys in another folder") in checked.complaints()


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_has_nothing_against_the_usual_modes(checked, mode):
    os.chmod(checked.keys_file, mode)
    assert checked.complaints() == []


def test_says_that_a_keys_file_is_missing(checked):
    os.unlink(checked.keys_file)
    assert checked.complaints() == [
        ("error: /home/.ssh/authorized_keys: there is no such file;"
        " bpc-ssh-guardctl authorize --add makes it")
    ]


def test_says_that_a_keys_file_is_no_file_without_waiting_for_it(checked):
    os.unlink(checked.keys_file)
    os.mkfifo(checked.keys_file, 0o600)
    assert checked.complaints() == [
        ("error: /home/.ssh/authorized_keys: is no regular file, so sshd takes no key from it;"
         " move it away")
    ]


@pytest.mark.parametrize(("shell", "file"), [("/bin/bash", ".bashrc"), ("/usr/bin/zsh", ".zshenv")])
def test_warns_of_a_shell_that_reads_a_file_of_others_before_the_guard(checked, shell, file):
    checked.shell = shell
    path = f"{checked.root}/home/{file}"
    with open(path, "wb"):
        pass
    os.chmod(path, 0o666)
    [complaint] = checked.complaints()
    name = os.path.basename(shell)
    assert complaint.startswith("warning: /")
    assert complaint.endswith(
        f": others than root can change it, and {name}, the login shell of root, reads"
        f" /home/{file} before the guard; chsh -s /bin/sh root, or let home and file belong to root"
    )


def test_has_nothing_against_bash_where_home_and_file_are_roots(checked):
    checked.shell, checked.home = "/bin/bash", "/usr/share"
    found = check(checked.policy_path, [], account=checked.account)
    assert [str(each) for each in found if each.severity != "note"] == []


def test_dash_reads_nothing(checked):
    checked.shell = "/bin/dash"
    with open(f"{checked.root}/home/.bashrc", "wb"):
        pass
    os.chmod(f"{checked.root}/home/.bashrc", 0o666)
    assert checked.complaints() == []


def test_bash_really_reads_its_file_before_a_forced_command_and_dash_does_not(tmp_path):
    (tmp_path / ".bashrc").write_text("echo read\n")
    environment = {"HOME": str(tmp_path), "SSH_CLIENT": "192.0.2.7 1 2", "PATH": "/usr/bin:/bin"}
    for shell, said in (("/bin/bash", b"read\nguard\n"), ("/bin/dash", b"guard\n")):
        done = subprocess.run(
            [shell, "-c", "echo guard"], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, timeout=60,
        )
        assert done.stdout == said


def test_refuses_a_shell_that_runs_nothing(checked):
    checked.shell = "/usr/sbin/nologin"
    assert checked.complaints() == [
        ("error: /usr/sbin/nologin: as the login shell of root it runs no forced command;"
        " chsh -s /bin/sh root")
    ]


@pytest.fixture
def sshd_config(checked):
    """Return a function that writes an sshd_config with its own host key and more LINES."""
    key = f"{checked.root}/etc/host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True,
                   timeout=60)

    def write(*lines: str) -> str:
        path = f"{checked.root}/etc/sshd_config"
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in (f"HostKey {key}", *lines))
        return path

    return write


def findings_by_sshd(checked, config: str) -> list[str]:
    """Return errors and warnings when the keys' files are those that sshd names."""
    account = Account(Account.current().name, os.geteuid(), checked.home, "/bin/sh")
    found = check(checked.policy_path, account=account, sshd_config=config)
    return [str(each).replace(checked.root, "") for each in found if each.severity != "note"]


def test_reads_the_files_that_sshd_names(checked, sshd_config):
    checked.write_keys(*checked.good, b"first")
    name = Account.current().name
    with open(f"{checked.folder}/{name}", "wb") as file:
        file.write(b"second\n")
    config = sshd_config("AuthorizedKeysFile .ssh/authorized_keys %h/.ssh/%u",
                         "PermitRootLogin prohibit-password")
    places = [each.split(": ")[1] for each in findings_by_sshd(checked, config)]
    assert places == ["/home/.ssh/authorized_keys:4", f"/home/.ssh/{name}:1"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("PubkeyAuthentication no", "error: sshd_config: no key can log in"),
        ("PermitUserEnvironment yes", "warning: sshd_config: PermitUserEnvironment lets"),
        ("StrictModes no", "warning: sshd_config: sshd takes keys from files that others may"),
    ],
)
def test_tells_what_sshds_settings_do_to_the_guard(checked, sshd_config, line, complaint):
    config = sshd_config(line, "PermitRootLogin prohibit-password")
    assert [each for each in findings_by_sshd(checked, config) if each.startswith(complaint)]


def test_expands_sshds_tokens():
    account = Account("alice", 1000, "/home/alice", "/bin/sh")
    settings = {"authorizedkeysfile": "%h/a /etc/%u/%U %%h none .ssh/b"}
    assert keys_files(account, settings) == [
        "/home/alice/a", "/etc/alice/1000", "/home/alice/%h", "/home/alice/.ssh/b",
    ]
