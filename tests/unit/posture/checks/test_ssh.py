"""Keys as bpc-ssh-keys lays them out, and what only the running ssh and kernel can tell."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path

import pytest

from bpc_ssh_guard.backuppc.undecided import Undecided
from bpc_ssh_guard.posture.evidence.identities import effective
from bpc_ssh_guard.posture.evidence.logins import logins
from bpc_ssh_guard.posture.evidence.stranger import opens
from bpc_ssh_guard.posture.site import Site
from tests.posture_tree import BACKUPPC, CONF, CONFIG, ServerTree

from .conftest import add_key, found, one, troubles

STANZAS = "/etc/bpc-ssh-keys/ssh"
KEYS = "/var/lib/bpc-ssh-keys"


def _rendered(tree, *hosts):
    """Lay out keys and stanzas of HOSTS as `bpc-ssh-keys render` does."""
    tree.configure(
        f"$Conf{{RsyncSshArgs}} = ['-e', '$sshPath -F {STANZAS}/$client.backup.conf'];",
        f"$Conf{{RsyncRestoreArgsExtra}} = ['-e', '$sshPath -F {STANZAS}/$client.restore.conf'];")
    tree.folder(KEYS, 0o750, ("root", "backuppc"))
    for host in hosts:
        tree.add_host(host, "$Conf{XferMethod} = 'rsync';")
        for purpose in ("backup", "restore"):
            path = f"{KEYS}/{host}-{purpose}"
            tree.path(add_key(tree, f"{host}{purpose}")).rename(tree.path(path))
            tree.chown(path, "root", "backuppc")
            tree.chmod(path, 0o640 if tree.owned else 0o600)
            tree.write(f"{STANZAS}/{host}.{purpose}.conf",
                       f"Host *\n  User root\n  IdentityFile {path}\n  StrictHostKeyChecking yes\n",
                       0o640, ("root", "backuppc"))


def test_is_content_with_a_key_for_each_host_and_purpose(sound):
    _rendered(sound, "pc1", "pc2")
    assert one(sound, "SSH-03").evidence == "4 keys, each for one host and purpose"
    assert {each.state.value for each in found(sound, "SSH-02", "SSH-05", "SSH-06")} == {"pass"}


def test_sees_in_the_stanza_who_logs_in(sound):
    _rendered(sound, "pc1")
    assert troubles(sound, "SSH-01") == {
        ("SSH-01", "warn", "critical", f"{name} in {CONFIG}")
        for name in ("RsyncSshArgs", "RsyncRestoreArgsExtra")}


def test_finds_who_else_is_in_the_reading_group(sound):
    _rendered(sound, "pc1")
    sound.add_member("backuppc", "www-data")
    loose = {each[1:3] for each in troubles(sound, "SSH-05")}
    assert loose == ({("fail", "critical")} if sound.owned else set())  # there no group reads them


def test_finds_one_key_behind_two_names(sound):
    _rendered(sound, "pc1", "pc2")
    one_key = sound.path(f"{KEYS}/pc1-backup").read_bytes()
    sound.path(f"{KEYS}/pc2-backup").write_bytes(one_key)
    assert "serves pc1, pc2" in one(sound, "SSH-03").evidence


def test_wants_a_person_for_one_key_of_two_purposes(sound):
    add_key(sound)
    sound.add_host("pc1", "$Conf{XferMethod} = 'rsync';")
    assert one(sound, "SSH-03").state.value == "warn"


@pytest.mark.parametrize(("args", "options"), [
    ("['-e', '$sshPath -l root']", [("user", "root")]),
    ("['-e', '/usr/bin/ssh -oUser=x -p 22']", [("user", "x"), ("port", "22")]),
    ("['--rsh=ssh -A -i /k']", [("forwardagent", "yes"), ("identityfile", "/k")]),
])
def test_reads_the_words_of_an_ssh_command(sound, args, options):
    sound.add_host("pc1", "$Conf{XferMethod} = 'rsync';", f"$Conf{{RsyncSshArgs}} = {args};")
    [backup, _] = logins(sound.site(), "pc1")
    assert [(each.name, each.value) for each in backup.options] == options


def test_reads_the_command_of_version_3(sound):
    sound.add_host("pc1", "$Conf{XferMethod} = 'rsync';", "$Conf{RsyncSshArgs} = undef;",
                   "$Conf{RsyncClientCmd} = '$sshPath -q -x -l root $host $rsyncPath $argList+';")
    assert [(login.setting, login.user) for login in logins(sound.site(), "pc1")] == [
        ("RsyncClientCmd", "root")]


def test_asks_ssh_itself_on_the_running_server(sound):
    sound.add_host("pc1", "$Conf{XferMethod} = 'rsync';",
                   "$Conf{RsyncSshArgs} = ['-e', '$sshPath -oStrictHostKeyChecking=no -l x'];")
    [backup, _] = logins(sound.site(), "pc1")
    backup = dataclasses.replace(backup, host="localhost")  # the package's own host
    here = Site.open(Path("/"), live=True)
    if os.geteuid() == 0:
        config = effective(here, backup)
        assert config.first("stricthostkeychecking").value == "false"
        assert config.first("user").value == "x"
    else:
        with pytest.raises(Undecided):
            effective(here, backup)


def test_lets_nobody_try_the_door():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        tree = ServerTree.stock(Path(folder))
        tree.write("/open", "", 0o644)
        tree.write("/closed", "", 0o640)
        site = tree.site(live=True)
        is_root = os.geteuid() == 0
        assert opens(site, "/open") is (True if is_root else None)
        assert opens(site, "/closed") is (False if is_root else None)
        tree.configure("$Conf{FtpPasswd} = 'sesame';")
        [finding] = [each for each in found(tree, "SEC-01", live=True) if each.subject == CONFIG]
        assert ("nobody could open it" in finding.evidence) == is_root


def test_leaves_the_live_proof_alone_unless_asked(stock):
    stock.configure("$Conf{FtpPasswd} = 'sesame';")
    assert opens(stock.site(), CONFIG) is None


def test_passes_a_backup_of_a_password_that_the_folder_closes(sound):
    sound.write(f"{CONF}/config.pl.old", "$Conf{FtpPasswd} = 'x';", 0o644, BACKUPPC)
    assert one(sound, "SEC-03").state.value == "pass"


def test_finds_a_key_for_backuppc_where_sshd_looks_for_it(sound):
    path = add_key(sound)
    sound.write("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n"
                "# AuthorizedKeysFile none\n")
    sound.write("/etc/ssh/sshd_config.d/keys.conf",
                "Match User backuppc\n AuthorizedKeysFile /etc/ssh/keys/%u\n")
    sound.write("/etc/ssh/keys/backuppc", sound.read(f"{path}.pub"), 0o644)
    assert troubles(sound, "SSH-07") == {("SSH-07", "fail", "high", "/etc/ssh/keys/backuppc")}
